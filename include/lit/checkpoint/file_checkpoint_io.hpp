// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <filesystem>
#include <string>
#include <system_error>
#include <type_traits>

namespace lit {

/// Removes a file, or a folder with what is in it.
///
/// Errors  FileError with the path and the system's reason; what is not there is no error.
inline void remove_checkpoint_file(const std::filesystem::path& path) {
    std::error_code reason;
    std::filesystem::remove_all(path, reason);
    if (reason) {
        throw FileError("\"" + path.string() + "\" could not be deleted: " + reason.message() + ".");
    }
}

/// A relative link to `file` under the name `link`, in the place of whatever is there; a copy where links fail. At every
/// moment there is a file of that name, if there was one before.
///
/// Errors  FileError with both paths and the system's reason.
inline void link_checkpoint_file(const std::filesystem::path& file, const std::filesystem::path& link) {
    const std::filesystem::path from = std::filesystem::absolute(file).lexically_normal();
    const std::filesystem::path to = std::filesystem::absolute(link).lexically_normal();
    if (from == to) {
        return;
    }
    std::error_code reason;
    const std::filesystem::path temporary = to.parent_path() / ("." + to.filename().string() + ".link.tmp");
    std::filesystem::remove(temporary, reason);
    if (std::filesystem::is_directory(std::filesystem::symlink_status(to, reason))) {
        std::filesystem::remove_all(to, reason);
    }
    std::filesystem::create_symlink(from.lexically_relative(to.parent_path()), temporary, reason);
    if (reason) {
        std::filesystem::copy_file(from, temporary, std::filesystem::copy_options::overwrite_existing, reason);
    }
    if (!reason) {
        std::filesystem::rename(temporary, to, reason);
    }
    if (reason) {
        throw FileError("\"" + to.string() + "\" cannot be made to point to \"" + from.string() + "\": " + reason.message() +
                        ".");
    }
    flush_folder_of(to);
}

/// Files, written while the caller waits.
struct FileCheckpointIO {
    static void save_checkpoint(const Dict& checkpoint, const std::filesystem::path& path) {
        save_checkpoint_file(path, checkpoint);
    }
    static void remove_checkpoint(const std::filesystem::path& path) { remove_checkpoint_file(path); }
    static void link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link) {
        link_checkpoint_file(file, link);
    }
    [[nodiscard]] static bool exists(const std::filesystem::path& path) { return std::filesystem::exists(path); }
    static void wait() {}
};
static_assert(CheckpointIOPolicy<FileCheckpointIO>);
static_assert(std::is_empty_v<FileCheckpointIO>);

}  // namespace lit
