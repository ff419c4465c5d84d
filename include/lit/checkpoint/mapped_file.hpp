// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <c10/core/Allocator.h>
#include <c10/core/Device.h>
#include <c10/core/Storage.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace lit {

/// A file in memory without being read: the system brings in what is looked at. Writing into it changes memory alone, never
/// the file.
///
/// Errors  FileError with the path and the system's reason. A file that somebody cuts off while it is mapped ends the process
///         that looks behind its end; lit's own files are only ever replaced whole.
class MappedFile {
 public:
    explicit MappedFile(const std::filesystem::path& path) {
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) {
            fail(path, errno);
        }
        struct stat status {};
        if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
            const int code = errno;
            ::close(descriptor);
            fail(path, S_ISDIR(status.st_mode) ? EISDIR : code != 0 ? code : EINVAL);
        }
        size_ = static_cast<std::size_t>(status.st_size);
        void* data = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
        const int code = errno;
        ::close(descriptor);
        if (data == MAP_FAILED) {
            fail(path, code);
        }
        data_ = static_cast<char*>(data);
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile() {
        if (data_ != nullptr) {
            ::munmap(data_, size_);
        }
    }

    [[nodiscard]] std::string_view bytes() const { return {data_, size_}; }

    /// `size` bytes from `offset` on as a storage, which keeps the file mapped for as long as it lives.
    [[nodiscard]] static c10::Storage storage(const std::shared_ptr<MappedFile>& file, std::size_t offset, std::size_t size) {
        return {c10::Storage::use_byte_size_t(), size,
                at::DataPtr(file->data_ + offset, new std::shared_ptr<MappedFile>(file),
                            [](void* held) { delete static_cast<std::shared_ptr<MappedFile>*>(held); }, at::kCPU),
                nullptr, false};
    }

 private:
    [[noreturn]] static void fail(const std::filesystem::path& path, int code) {
        throw FileError("\"" + path.string() + "\" cannot be mapped: " + std::strerror(code) + ".");
    }

    char* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace lit
