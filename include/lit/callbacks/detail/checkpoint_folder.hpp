// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace lit::detail {

/// `~` written out, links followed, as far as the folder is there.
[[nodiscard]] inline std::filesystem::path real_folder(const std::filesystem::path& given) {
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

/// `<save_dir>/<name>/<version>/checkpoints` of the first logger, or `checkpoints` in the root folder; in fast_dev_run
/// the latter, since nobody logs then.
template <class Trainer>
[[nodiscard]] std::filesystem::path default_checkpoint_folder(Trainer& trainer) {
    std::optional<std::filesystem::path> folder;
    trainer.for_each_logger([&](const auto& logger) {
        if (!folder && !trainer.fast_dev_run()) {
            const std::filesystem::path saved = logger.save_dir();
            folder = (saved.empty() ? trainer.default_root_dir() : saved) / std::string(logger.name()) /
                     std::string(logger.version());
        }
    });
    const std::filesystem::path found = folder.value_or(trainer.default_root_dir()) / "checkpoints";
    return std::filesystem::absolute(found).lexically_normal();
}

[[nodiscard]] inline bool holds_something(const std::filesystem::path& folder) {
    std::error_code reason;
    return std::filesystem::is_directory(folder, reason) && !std::filesystem::is_empty(folder, reason) &&
           !reason;
}

/// The `last*.ckpt` that was written most recently; empty when there is none.
[[nodiscard]] inline std::filesystem::path newest_last(const std::filesystem::path& folder) {
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

/// The same over the default folders of all versions of the first logger, whose own is not known before it starts.
template <class Trainer>
[[nodiscard]] std::filesystem::path newest_last_of_versions(Trainer& trainer) {
    std::optional<std::filesystem::path> root;
    trainer.for_each_logger([&](const auto& logger) {
        if (!root && !trainer.fast_dev_run() && std::string(logger.version()).empty()) {
            const std::filesystem::path saved = logger.save_dir();
            root = (saved.empty() ? trainer.default_root_dir() : saved) / std::string(logger.name());
        }
    });
    std::filesystem::path newest;
    std::filesystem::file_time_type when;
    std::error_code reason;
    auto entry = root ? std::filesystem::directory_iterator(*root, reason) : std::filesystem::directory_iterator();
    for (; !reason && entry != std::filesystem::directory_iterator(); entry.increment(reason)) {
        const std::filesystem::path path = newest_last(entry->path() / "checkpoints");
        std::error_code unreadable;
        const auto written = std::filesystem::last_write_time(path, unreadable);
        if (!unreadable && (newest.empty() || written > when)) {
            newest = path;
            when = written;
        }
    }
    return newest;
}

/// Whether the file is below the folder, going by the names.
[[nodiscard]] inline bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
    const auto plain = [](const std::filesystem::path& path) { return std::filesystem::absolute(path).lexically_normal(); };
    if (file.empty()) {
        return false;
    }
    const std::filesystem::path inside = plain(file).lexically_relative(plain(folder));
    return !inside.empty() && inside != "." && *inside.begin() != "..";
}

/// Whether a checkpoint that is no longer wanted may go: not the new file, not the one the run started from, and not
/// one outside of the callback's own folder.
[[nodiscard]] inline bool may_remove(const std::filesystem::path& previous,
                                     const std::filesystem::path& current,
                                     const std::filesystem::path& resumed_from,
                                     const std::filesystem::path& folder) {
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
