// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/idx.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace lit {
namespace detail {

/// An IDX file under way, plain or gzip: zlib reads both. Every complaint names the file.
class IdxReader {
 public:
    explicit IdxReader(const std::filesystem::path& path) : path_(path.string()) {
        std::error_code error;
        const auto status = std::filesystem::status(path, error);
        if (!std::filesystem::exists(status)) {
            throw FileError("IDX file " + path_ + ": no such file.");
        }
        if (!std::filesystem::is_regular_file(status)) {
            throw FileError("IDX file " + path_ + ": not a regular file.");
        }
        file_size_ = std::filesystem::file_size(path, error);
        errno = 0;
        file_.reset(::gzopen(path_.c_str(), "rb"));
        if (error || !file_) {
            throw FileError("IDX file " + path_ + ": cannot be opened: " +
                            (error ? error.message() : std::string(std::strerror(errno))) + ".");
        }
        ::gzbuffer(file_.get(), 1U << 17U);
    }

    [[nodiscard]] at::Tensor read(const IdxExpectation& expected) {
        std::array<unsigned char, 4> magic{};
        if (fill(magic.data(), magic.size()) < magic.size()) {
            refuse(
                "ends within the first four bytes; an IDX file starts with 00 00, a type and a number of "
                "dimensions");
        }
        const std::optional<at::ScalarType> dtype = dtype_of(magic[2]);
        if (magic[0] != 0 || magic[1] != 0 || !dtype || magic[3] == 0 || magic[3] > max_dims) {
            refuse(
                "starts with " + hex(magic) +
                ", not with 00 00, a type (08, 09, 0b to 0e) and 01 to 08 dimensions: this is no IDX file");
        }
        if (expected.dtype && *expected.dtype != *dtype) {
            refuse(std::string("holds ") + c10::toString(*dtype) + ", expected " +
                   c10::toString(*expected.dtype));
        }
        if (expected.dims && *expected.dims != magic[3]) {
            refuse("has " + std::to_string(magic[3]) + " dimensions, expected " +
                   std::to_string(*expected.dims));
        }
        const std::vector<std::int64_t> shape = read_shape(magic[3]);
        const std::size_t item = c10::elementSize(*dtype);
        const std::uint64_t bytes = checked_bytes(shape, item);

        at::Tensor values = at::empty(shape, at::TensorOptions(*dtype));
        auto* data = static_cast<unsigned char*>(values.mutable_data_ptr());
        const std::size_t got = fill(data, bytes);
        if (got < bytes) {
            refuse("ends after " + std::to_string(got) + " of the " + std::to_string(bytes) +
                   " bytes that its header announces (" + announced_ + "): truncated");
        }
        unsigned char extra = 0;
        if (fill(&extra, 1) != 0) {  // at the end of a gzip stream this also checks its checksum
            refuse("goes on after the " + std::to_string(bytes) + " bytes that its header announces (" +
                   announced_ + "): damaged or of another format");
        }
        if (std::endian::native == std::endian::little && item > 1) {
            for (std::uint64_t at = 0; at < bytes; at += item) {
                std::reverse(data + at, data + at + item);
            }
        }
        return values;
    }

 private:
    struct Close {
        void operator()(gzFile file) const { ::gzclose_r(file); }
    };
    static constexpr int max_dims = 8;

    [[noreturn]] void refuse(const std::string& what) const {
        throw DataError("IDX file " + path_ + ": " + what + ".");
    }

    static std::string hex(const std::array<unsigned char, 4>& bytes) {
        std::string text;
        for (const unsigned char byte : bytes) {
            text += text.empty() ? "" : " ";
            text += "0123456789abcdef"[byte >> 4U];
            text += "0123456789abcdef"[byte & 15U];
        }
        return text;
    }

    static std::optional<at::ScalarType> dtype_of(unsigned char code) {
        switch (code) {
            case 0x08:
                return at::kByte;
            case 0x09:
                return at::kChar;
            case 0x0B:
                return at::kShort;
            case 0x0C:
                return at::kInt;
            case 0x0D:
                return at::kFloat;
            case 0x0E:
                return at::kDouble;
            default:
                return std::nullopt;
        }
    }

    /// Reads up to `size` bytes; fewer only at the file's end.
    std::size_t fill(unsigned char* to, std::uint64_t size) {
        std::uint64_t done = 0;
        while (done < size) {
            const auto part = static_cast<unsigned>(std::min<std::uint64_t>(size - done, 1U << 30U));
            const int got = ::gzread(file_.get(), to + done, part);
            if (got > 0) {
                done += static_cast<std::uint64_t>(got);
            }
            int code = Z_OK;
            const char* reason = ::gzerror(file_.get(), &code);
            if (code == Z_BUF_ERROR) {
                refuse("the gzip stream breaks off after " + std::to_string(total_ + done) +
                       " unpacked bytes: truncated");
            }
            if (code == Z_ERRNO) {
                throw FileError("IDX file " + path_ + ": cannot be read: " + std::strerror(errno) + ".");
            }
            if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
                refuse("damaged gzip data after " + std::to_string(total_ + done) +
                       " unpacked bytes (zlib: " + reason + ")");
            }
            if (got == 0) {
                break;
            }
        }
        total_ += done;
        return static_cast<std::size_t>(done);
    }

    [[nodiscard]] std::vector<std::int64_t> read_shape(int dims) {
        std::vector<std::int64_t> shape;
        for (int i = 0; i < dims; ++i) {
            std::array<unsigned char, 4> size{};
            if (fill(size.data(), size.size()) < size.size()) {
                refuse("ends within its header, which announces " + std::to_string(dims) +
                       " dimensions: truncated");
            }
            shape.push_back((std::int64_t{size[0]} << 24) | (std::int64_t{size[1]} << 16) |
                            (std::int64_t{size[2]} << 8) | std::int64_t{size[3]});
            announced_ += (announced_.empty() ? "" : " x ") + std::to_string(shape.back());
        }
        return shape;
    }

    /// The bytes that the shape needs, once it is sure that the file can hold them: nothing is allocated
    /// before.
    [[nodiscard]] std::uint64_t checked_bytes(const std::vector<std::int64_t>& shape, std::size_t item) {
        constexpr std::uint64_t limit = std::uint64_t{1} << 62U;
        std::uint64_t bytes = item;
        for (const std::int64_t size : shape) {
            if (size != 0 && bytes > limit / static_cast<std::uint64_t>(size)) {
                refuse("announces " + announced_ + " values, more than a file can hold: damaged header");
            }
            bytes *= static_cast<std::uint64_t>(size);
        }
        if (::gzdirect(file_.get()) != 0) {
            const std::uint64_t there = file_size_ - std::min<std::uint64_t>(file_size_, total_);
            if (bytes != there) {
                refuse("announces " + announced_ + " values, " + std::to_string(bytes) + " bytes, but " +
                       std::to_string(there) + " follow the header: " +
                       (bytes > there ? "truncated or damaged" : "too long or damaged"));
            }
        } else if (bytes / 1032 > file_size_) {  // deflate packs at most 1032 bytes into one
            refuse("announces " + announced_ + " values, " + std::to_string(bytes) + " bytes, more than " +
                   std::to_string(file_size_) + " bytes of gzip can hold: damaged header");
        }
        return bytes;
    }

    std::string path_;
    std::unique_ptr<gzFile_s, Close> file_{};
    std::uint64_t file_size_ = 0;
    std::uint64_t total_ = 0;
    std::string announced_{};
};

}  // namespace detail

LIT_INLINE at::Tensor read_idx(const std::filesystem::path& path, const IdxExpectation& expected) {
    return detail::IdxReader(path).read(expected);
}

}  // namespace lit
