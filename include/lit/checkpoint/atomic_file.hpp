// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lit {

/// Flushes the folder that holds `path` to the disk, so that a new name in it survives a power cut. Some file systems
/// cannot flush a folder and say so, which is no error.
///
/// Errors  FileError with the path and the system's reason.
LIT_INLINE void flush_folder_of(const std::filesystem::path& path);

/// A file that appears under its name complete and on the disk, or not at all.
///
/// Writes into a temporary file in the same folder (`.<name>.<process>.<n>.tmp`), which `commit` flushes to
/// the disk and renames; then the folder is flushed too. Without `commit` the temporary file is removed and
/// whatever stood under the name before stays. Only a process that is killed can leave a temporary file
/// behind, which `remove_abandoned_files` removes: as long as it is being written it is locked.
///
/// Errors  FileError with the path and the system's reason, from every member; a file that was not committed
///         leaves nothing.
class AtomicFile {
 public:
    explicit AtomicFile(std::filesystem::path target);
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile() { discard(); }

    /// Appends. An archive is mostly small pieces: they are collected, large ones go to the system as they are.
    void write(const void* data, std::size_t size);

    /// Makes the file appear under its name, replacing what was there.
    void commit();

 private:
    static constexpr std::size_t longest_stem = 100;
    static constexpr std::size_t collects = std::size_t{1} << 16;
    static constexpr std::size_t largest_write = std::size_t{1} << 30;
    static constexpr off_t flushes = off_t{1} << 23;
    static constexpr int attempts = 1000;

    // False when somebody who removes abandoned files was faster. Where files cannot be locked, none is taken for abandoned.
    [[nodiscard]] bool lock() const;
    void write_collected();
    void write_through(const char* bytes, std::size_t size);
    // The disk works while the rest is put together, rather than only in `commit`, which tells of what went wrong with it:
    // whether the system takes the hint does not matter.
    void start_flushing();
    [[nodiscard]] std::filesystem::path folder() const;
    [[noreturn]] void fail(const std::string& what, int code);
    void discard();

    std::filesystem::path target_;
    std::filesystem::path temporary_;
    int descriptor_ = -1;
    off_t written_ = 0;   ///< bytes
    off_t flushing_ = 0;  ///< bytes that the system was told to bring to the disk
    std::vector<char> collected_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/atomic_file.hpp>
#endif
