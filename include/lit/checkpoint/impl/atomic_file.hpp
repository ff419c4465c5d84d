// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

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

LIT_INLINE void flush_folder_of(const std::filesystem::path& path) {
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

LIT_INLINE AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
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

LIT_INLINE void AtomicFile::write(const void* data, std::size_t size) {
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

LIT_INLINE void AtomicFile::commit() {
    write_collected();
    if (!detail::flush_to_disk(descriptor_)) {
        fail("cannot flush to the disk", errno);
    }
    // Still open, and so still locked: nobody who tidies up may take it for one that was left behind. What write did not report
    // (network file systems), the flush has.
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
        fail("cannot be given its name", errno);
    }
    temporary_.clear();
    ::close(std::exchange(descriptor_, -1));
    flush_folder_of(target_);
}

LIT_INLINE bool AtomicFile::lock() const {
    struct stat status {};
    return ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 ? errno != EWOULDBLOCK
                                                        : ::fstat(descriptor_, &status) != 0 || status.st_nlink > 0;
}

LIT_INLINE void AtomicFile::write_collected() {
    write_through(collected_.data(), collected_.size());
    collected_.clear();
}

LIT_INLINE void AtomicFile::write_through(const char* bytes, std::size_t size) {
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

LIT_INLINE void AtomicFile::start_flushing() {
    if (written_ - flushing_ >= flushes) {
        static_cast<void>(::sync_file_range(descriptor_, flushing_, written_ - flushing_, SYNC_FILE_RANGE_WRITE));
        flushing_ = written_;
    }
}

LIT_INLINE std::filesystem::path AtomicFile::folder() const {
    return target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
}

LIT_INLINE void AtomicFile::fail(const std::string& what, int code) {
    discard();
    throw FileError("\"" + target_.string() + "\" was not saved: " + what + ": " + std::strerror(code) +
                    ". What stood there before is unchanged.");
}

LIT_INLINE void AtomicFile::discard() {
    if (descriptor_ >= 0) {
        ::close(std::exchange(descriptor_, -1));
    }
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
        temporary_.clear();
    }
}

}  // namespace lit
