// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace lit::detail {

/// `~` written out, links followed, as far as the folder is there.
[[nodiscard]] LIT_INLINE std::filesystem::path real_folder(const std::filesystem::path& given);

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

[[nodiscard]] LIT_INLINE bool holds_something(const std::filesystem::path& folder);

/// The `last*.ckpt` that was written most recently; empty when there is none.
[[nodiscard]] LIT_INLINE std::filesystem::path newest_last(const std::filesystem::path& folder);

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
[[nodiscard]] LIT_INLINE bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder);

/// Whether a checkpoint that is no longer wanted may go: not the new file, not the one the run started from, and not
/// one outside of the callback's own folder.
[[nodiscard]] LIT_INLINE bool may_remove(const std::filesystem::path& previous,
                                         const std::filesystem::path& current,
                                         const std::filesystem::path& resumed_from,
                                         const std::filesystem::path& folder);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/checkpoint_folder.hpp>
#endif
