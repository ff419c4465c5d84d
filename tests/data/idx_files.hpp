// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

/// Writes IDX files for tests, plain and packed, into a folder that is removed at the end.
namespace idx_files {

namespace fs = std::filesystem;
using Bytes = std::string;

/// A folder of its own, removed at the end.
class Folder {
 public:
    Folder() {
        static int count = 0;
        path_ = fs::temp_directory_path() /
                ("lit_idx_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
        fs::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path_); }
    [[nodiscard]] const fs::path& path() const { return path_; }
    fs::path plain(const std::string& name, const Bytes& bytes) const {
        std::ofstream(path_ / name, std::ios::binary) << bytes;
        return path_ / name;
    }
    fs::path packed(const std::string& name, const Bytes& bytes) const {
        gzFile file = ::gzopen((path_ / name).c_str(), "wb");
        ::gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
        ::gzclose(file);
        return path_ / name;
    }

 private:
    fs::path path_;
};

inline Bytes big_endian(std::uint32_t value) {
    Bytes bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>((value >> shift) & 255U));
    }
    return bytes;
}
inline Bytes idx(int type, const std::vector<std::uint32_t>& shape, const Bytes& data) {
    Bytes bytes{0, 0, static_cast<char>(type), static_cast<char>(shape.size())};
    for (const std::uint32_t size : shape) {
        bytes += big_endian(size);
    }
    return bytes + data;
}
inline Bytes counting(std::size_t count) {
    Bytes bytes;
    for (std::size_t i = 0; i < count; ++i) {
        bytes.push_back(static_cast<char>(i * 37 % 251));
    }
    return bytes;
}
}  // namespace idx_files
