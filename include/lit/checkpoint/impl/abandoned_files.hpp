// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/abandoned_files.hpp>
#include <lit/core/compiled.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace lit {
namespace detail {

/// Whether AtomicFile names its temporary files so: `.<name>.<process>.<n>.tmp`.
[[nodiscard]] inline bool is_temporary_name(std::string_view name) {
    if (!name.starts_with('.') || !name.ends_with(".tmp")) {
        return false;
    }
    name.remove_suffix(4);
    for (int number = 0; number < 2; ++number) {
        const std::size_t dot = name.rfind('.');
        const std::string_view digits = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
        if (digits.empty() || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
            return false;
        }
        name = name.substr(0, dot);
    }
    return name.size() > 1;
}

}  // namespace detail

LIT_INLINE std::int64_t remove_abandoned_files(const std::filesystem::path& folder) {
    std::int64_t removed = 0;
    std::error_code reason;
    auto entry = std::filesystem::directory_iterator(folder, reason);
    for (; !reason && entry != std::filesystem::directory_iterator(); entry.increment(reason)) {
        if (!detail::is_temporary_name(entry->path().filename().string())) {
            continue;
        }
        const int descriptor = ::open(entry->path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (descriptor < 0) {
            continue;
        }
        if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::unlink(entry->path().c_str()) == 0) {
            ++removed;
        }
        ::close(descriptor);
    }
    return removed;
}

}  // namespace lit
