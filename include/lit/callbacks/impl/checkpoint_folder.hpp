// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/checkpoint_folder.hpp>
#include <lit/core/compiled.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace lit::detail {

LIT_INLINE std::filesystem::path real_folder(const std::filesystem::path& given) {
    std::string text = given.string();
    const char* home = std::getenv("HOME");
    if (home != nullptr && (text == "~" || text.starts_with("~/"))) {
        text = home + text.substr(1);
    }
    std::error_code reason;
    std::filesystem::path real = std::filesystem::weakly_canonical(std::filesystem::absolute(text), reason);
    if (reason) {
        real = std::filesystem::absolute(text).lexically_normal();
    }
    return real.has_filename() ? real : real.parent_path();
}

LIT_INLINE bool holds_something(const std::filesystem::path& folder) {
    std::error_code reason;
    return std::filesystem::is_directory(folder, reason) && !std::filesystem::is_empty(folder, reason) &&
           !reason;
}

LIT_INLINE std::filesystem::path newest_last(const std::filesystem::path& folder) {
    std::filesystem::path newest;
    std::filesystem::file_time_type when;
    std::error_code reason;
    auto entry = std::filesystem::directory_iterator(folder, reason);
    for (; !reason && entry != std::filesystem::directory_iterator(); entry.increment(reason)) {
        const std::filesystem::path& path = entry->path();
        std::error_code unreadable;
        const auto written = std::filesystem::last_write_time(path, unreadable);
        if (path.extension() != ".ckpt" || !path.stem().string().starts_with("last") || unreadable) {
            continue;
        }
        if (newest.empty() || written > when) {
            newest = path;
            when = written;
        }
    }
    return newest;
}

LIT_INLINE bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
    const auto plain = [](const std::filesystem::path& path) { return std::filesystem::absolute(path).lexically_normal(); };
    if (file.empty()) {
        return false;
    }
    const std::filesystem::path inside = plain(file).lexically_relative(plain(folder));
    return !inside.empty() && inside != "." && *inside.begin() != "..";
}

LIT_INLINE bool may_remove(const std::filesystem::path& previous, const std::filesystem::path& current,
                           const std::filesystem::path& resumed_from, const std::filesystem::path& folder) {
    const auto plain = [](const std::filesystem::path& path) {
        return std::filesystem::absolute(path).lexically_normal();
    };
    if (plain(previous) == plain(current) ||
        (!resumed_from.empty() && plain(previous) == plain(resumed_from))) {
        return false;
    }
    return lies_in(previous, folder);
}

}  // namespace lit::detail
