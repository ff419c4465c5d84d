// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>
#include <lit/checkpoint/impl/atomic_file.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace lit {

LIT_INLINE void remove_checkpoint_file(const std::filesystem::path& path) {
    std::error_code reason;
    std::filesystem::remove_all(path, reason);
    if (reason) {
        throw FileError("\"" + path.string() + "\" could not be deleted: " + reason.message() + ".");
    }
}

LIT_INLINE void link_checkpoint_file(const std::filesystem::path& file, const std::filesystem::path& link) {
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
        // A file system without links. The copy is on the disk before it takes the place of what was there.
        std::filesystem::copy_file(from, temporary, std::filesystem::copy_options::overwrite_existing, reason);
        if (!reason) {
            const int copy = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
            if (copy < 0 || !detail::flush_to_disk(copy)) {
                reason = std::error_code(errno, std::generic_category());
            }
            if (copy >= 0) {
                ::close(copy);
            }
        }
    }
    if (!reason) {
        std::filesystem::rename(temporary, to, reason);
    }
    if (reason) {
        std::error_code ignored;
        std::filesystem::remove(temporary, ignored);
        throw FileError("\"" + to.string() + "\" cannot be made to point to \"" + from.string() + "\": " + reason.message() +
                        ".");
    }
    flush_folder_of(to);
}

}  // namespace lit
