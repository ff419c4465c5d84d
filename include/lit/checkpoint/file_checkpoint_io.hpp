// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <filesystem>
#include <type_traits>

namespace lit {

/// Removes a file, or a folder with what is in it.
///
/// Errors  FileError with the path and the system's reason; what is not there is no error.
LIT_INLINE void remove_checkpoint_file(const std::filesystem::path& path);

/// A relative link to `file` under the name `link`, in the place of whatever is there; a copy where links fail. At every
/// moment there is a file of that name, if there was one before.
///
/// Errors  FileError with both paths and the system's reason.
LIT_INLINE void link_checkpoint_file(const std::filesystem::path& file, const std::filesystem::path& link);

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

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/file_checkpoint_io.hpp>
#endif
