// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>

namespace lit::detail {

/// What a zip's directory says of a record.
struct ZipRecord {
    std::uint32_t checksum = 0;  ///< 0: none, which is what PyTorch writes when told not to compute any
    bool stored = false;         ///< as it is, rather than compressed
};

/// The directory of a zip. PyTorch's reader does not look at the checksums in it, and takes memory for the sizes that it
/// claims.
struct ZipDirectory {
    std::unordered_map<std::string, ZipRecord> records;  ///< by their names below the archive's own folder
    std::uint64_t largest = 0;                           ///< bytes that a record claims to be of
};

/// What cannot be found is left out.
inline ZipDirectory zip_directory(const std::filesystem::path& path) {
    static constexpr std::size_t tail_size =
        22 + 20 + 65535;  // end record, zip64's locator, the longest comment
    static constexpr std::uint64_t entry_size = 46;
    ZipDirectory result;
    const std::uint64_t file_size = std::filesystem::file_size(path);
    std::ifstream file(path, std::ios::binary);
    const auto read = [&](std::uint64_t offset, std::uint64_t size) {
        std::string bytes;
        if (offset <= file_size && size <= file_size - offset) {
            bytes.resize(size);
            file.seekg(static_cast<std::streamoff>(offset));
            file.read(bytes.data(), static_cast<std::streamsize>(size));
        }
        return file ? bytes : std::string();
    };
    const auto number = [](std::string_view bytes, std::size_t offset, std::size_t width) {
        std::uint64_t value = 0;
        if (offset + width <= bytes.size()) {
            std::memcpy(&value, bytes.data() + offset, width);
        }
        return value;
    };
    // A size of more than 32 bits stands first in the extra field of kind 1.
    const auto uncompressed_size = [&number](std::uint64_t size, std::string_view extra) {
        constexpr std::uint64_t elsewhere = 0xffffffffU;
        for (std::size_t field = 0; size == elsewhere && field + 12 <= extra.size(); field += 4 + number(extra, field + 2, 2)) {
            if (number(extra, field, 2) == 1) {
                return number(extra, field + 4, 8);
            }
        }
        return size;
    };
    const std::uint64_t tail_start = file_size - std::min<std::uint64_t>(file_size, tail_size);
    const std::string tail = read(tail_start, file_size - tail_start);
    const std::size_t end = tail.rfind("PK\5\6");
    if (end == std::string::npos) {
        return result;
    }
    std::uint64_t size = number(tail, end + 12, 4);
    std::uint64_t offset = number(tail, end + 16, 4);
    if (end >= 20 && std::string_view(tail).substr(end - 20, 4) == "PK\6\7") {  // larger than 4 GiB
        const std::string large = read(number(tail, end - 12, 8), 56);
        if (large.starts_with("PK\6\6")) {
            size = number(large, 40, 8);
            offset = number(large, 48, 8);
        }
    }
    const std::string directory = read(offset, size);
    for (std::size_t at = 0;
         at + entry_size <= directory.size() && directory.compare(at, 4, "PK\1\2") == 0;) {
        const std::size_t name_size = number(directory, at + 28, 2);
        const std::string name = directory.substr(at + entry_size, name_size);
        const std::string_view extra =
            std::string_view(directory).substr(std::min(directory.size(), at + entry_size + name_size), number(directory, at + 30, 2));
        result.largest = std::max(result.largest, uncompressed_size(number(directory, at + 24, 4), extra));
        if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
            result.records.emplace(name.substr(slash + 1), ZipRecord{.checksum = static_cast<std::uint32_t>(number(directory, at + 16, 4)),
                                                             .stored = number(directory, at + 10, 2) == 0});
        }
        at += entry_size + name_size + number(directory, at + 30, 2) + number(directory, at + 32, 2);
    }
    return result;
}

}  // namespace lit::detail
