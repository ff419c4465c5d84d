// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

inline bool flush_to_disk(int descriptor) {
    int status = 0;
    do {
        status = ::fsync(descriptor);
    } while (status != 0 && errno == EINTR);
    return status == 0;
}

}  // namespace detail

/// Flushes the folder that holds `path` to the disk, so that a new name in it survives a power cut. Some file systems
/// cannot flush a folder and say so, which is no error.
///
/// Errors  FileError with the path and the system's reason.
inline void flush_folder_of(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool flushed = descriptor >= 0 && detail::flush_to_disk(descriptor);
    const int code = errno;
    if (descriptor >= 0) {
        ::close(descriptor);
    }
    if (!flushed && code != EINVAL && code != ENOTSUP && code != EACCES) {
        throw FileError("\"" + path.string() +
                        "\" was saved, but its folder cannot be flushed to the disk: " + std::strerror(code) + ".");
    }
}

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
    explicit AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
        static std::atomic<unsigned> counter = 0;
        const std::string stem = target_.filename().string().substr(0, longest_stem);
        if (stem.empty() || stem == "." || stem == "..") {
            throw FileError("\"" + target_.string() +
                            "\" names no file. Give a path that ends in a file's name.");
        }
        for (int attempt = 0; attempt < attempts && descriptor_ < 0; ++attempt) {
            temporary_ = folder() / ("." + stem + "." + std::to_string(::getpid()) + "." +
                                     std::to_string(counter++) + ".tmp");
            // 0666 less the umask: the permissions of any file that a program makes.
            descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (descriptor_ < 0 && errno != EEXIST && errno != EINTR) {
                break;
            }
            if (descriptor_ >= 0 && !lock()) {
                ::close(std::exchange(descriptor_, -1));
            }
        }
        if (descriptor_ < 0) {
            fail("cannot create a file in its folder", errno);
        }
    }
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile() { discard(); }

    /// Appends. An archive is mostly small pieces: they are collected, large ones go to the system as they are.
    void write(const void* data, std::size_t size) {
        const auto* bytes = static_cast<const char*>(data);
        if (collected_.size() + size > collects) {
            write_collected();
        }
        if (size > collects) {
            write_through(bytes, size);
        } else {
            collected_.insert(collected_.end(), bytes, bytes + size);
        }
    }

    /// Makes the file appear under its name, replacing what was there.
    void commit() {
        write_collected();
        if (!detail::flush_to_disk(descriptor_)) {
            fail("cannot flush to the disk", errno);
        }
        // close may report what write did not (network file systems); the descriptor is gone either way.
        if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
            fail("cannot close", errno);
        }
        if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
            fail("cannot be given its name", errno);
        }
        temporary_.clear();
        flush_folder_of(target_);
    }

 private:
    static constexpr std::size_t longest_stem = 100;
    static constexpr std::size_t collects = std::size_t{1} << 16;
    static constexpr std::size_t largest_write = std::size_t{1} << 30;
    static constexpr off_t flushes = off_t{1} << 23;
    static constexpr int attempts = 1000;

    // False when somebody who removes abandoned files was faster. Where files cannot be locked, none is taken for abandoned.
    [[nodiscard]] bool lock() const {
        struct stat status {};
        return ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 ? errno != EWOULDBLOCK
                                                            : ::fstat(descriptor_, &status) != 0 || status.st_nlink > 0;
    }
    void write_collected() {
        write_through(collected_.data(), collected_.size());
        collected_.clear();
    }
    void write_through(const char* bytes, std::size_t size) {
        while (size > 0) {
            const ssize_t written = ::write(descriptor_, bytes, std::min(size, largest_write));
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                fail("cannot write", written < 0 ? errno : ENOSPC);
            }
            bytes += written;
            size -= static_cast<std::size_t>(written);
            written_ += written;
        }
        start_flushing();
    }
    // The disk works while the rest is put together, rather than only in `commit`, which tells of what went wrong with it:
    // whether the system takes the hint does not matter.
    void start_flushing() {
        if (written_ - flushing_ >= flushes) {
            static_cast<void>(::sync_file_range(descriptor_, flushing_, written_ - flushing_, SYNC_FILE_RANGE_WRITE));
            flushing_ = written_;
        }
    }
    [[nodiscard]] std::filesystem::path folder() const {
        return target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
    }
    [[noreturn]] void fail(const std::string& what, int code) {
        discard();
        throw FileError("\"" + target_.string() + "\" was not saved: " + what + ": " + std::strerror(code) +
                        ". What stood there before is unchanged.");
    }
    void discard() {
        if (descriptor_ >= 0) {
            ::close(std::exchange(descriptor_, -1));
        }
        if (!temporary_.empty()) {
            ::unlink(temporary_.c_str());
            temporary_.clear();
        }
    }
    std::filesystem::path target_;
    std::filesystem::path temporary_;
    int descriptor_ = -1;
    off_t written_ = 0;   ///< bytes
    off_t flushing_ = 0;  ///< bytes that the system was told to bring to the disk
    std::vector<char> collected_;
};

}  // namespace lit
