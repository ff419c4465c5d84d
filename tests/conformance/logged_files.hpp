// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// What the files of real loggers hold, read back independently of the code that wrote them.
namespace conformance {

using Json = nlohmann::json;

/// The rows of a `metrics.csv`: a cell is a number, or null where it is empty.
[[nodiscard]] inline Json read_csv(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string line;
    const auto cells = [&] {
        std::vector<std::string> all;
        std::stringstream text(line.substr(0, line.find_last_not_of("\r\n") + 1) + ",");
        for (std::string cell; std::getline(text, cell, ',');) {
            all.push_back(cell);
        }
        return all;
    };
    if (!std::getline(file, line)) {
        return nullptr;
    }
    const std::vector<std::string> columns = cells();
    Json rows = Json::array();
    while (std::getline(file, line)) {
        const std::vector<std::string> row = cells();
        Json values = Json::object();
        for (std::size_t i = 0; i < columns.size(); ++i) {
            values[columns[i]] = i < row.size() && !row[i].empty() ? Json(std::stod(row[i])) : Json();
        }
        rows.push_back(values);
    }
    return {{"columns", columns}, {"rows", rows}};
}

/// The fields of a protobuf message, for what an event file needs of the format.
class Fields {
 public:
    explicit Fields(std::string_view bytes) : bytes_(bytes) {}

    /// Calls `visit(number, varint or fixed value, bytes)` for each field.
    template <class Visit>
    void for_each(Visit&& visit) {
        while (!bytes_.empty()) {
            const std::uint64_t key = varint();
            std::uint64_t value = 0;
            std::string_view inside;
            if (key % 8 == 0) {
                value = varint();
            } else if (key % 8 == 2) {
                inside = take(varint());
            } else {
                const std::string_view fixed = take(key % 8 == 1 ? 8 : 4);
                std::memcpy(&value, fixed.data(), fixed.size());
            }
            visit(key / 8, value, inside);
        }
    }

 private:
    std::string_view take(std::size_t count) {
        const std::string_view taken = bytes_.substr(0, count);
        bytes_.remove_prefix(count);
        return taken;
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<std::uint64_t>(byte & 127U) << shift;
            if (byte < 128) {
                return value;
            }
        }
    }
    std::string_view bytes_;
};

/// `[tag, step, value]` of every scalar in the event files of a folder, by tag, then in their order.
[[nodiscard]] inline Json read_events(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(folder)) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
                files.push_back(entry.path());
            }
        }
    }
    // The writers of a process are numbered.
    std::ranges::sort(files, {}, [](const auto& path) { return std::stoll(path.extension().string().substr(1)); });
    std::vector<Json> scalars;
    for (const auto& path : files) {
        std::ifstream file(path, std::ios::binary);
        const std::string all{std::istreambuf_iterator<char>(file), {}};
        for (std::size_t at = 0; at + 12 <= all.size();) {
            std::uint64_t size = 0;
            std::memcpy(&size, all.data() + at, sizeof size);
            std::int64_t step = 0;
            Fields(std::string_view(all).substr(at + 12, size)).for_each([&](auto field, auto number, auto event) {
                step = field == 2 ? static_cast<std::int64_t>(number) : step;
                if (field != 5) {
                    return;
                }
                Fields(event).for_each([&](auto, auto, auto summary) {
                    std::string tag;
                    Fields(summary).for_each([&](auto part, auto value, auto text) {
                        tag = part == 1 ? std::string(text) : tag;
                        if (part == 2) {
                            float scalar = 0;
                            std::memcpy(&scalar, &value, sizeof scalar);
                            scalars.push_back({tag, step, scalar});
                        }
                    });
                });
            });
            at += 12 + size + 4;
        }
    }
    std::ranges::stable_sort(scalars, {}, [](const Json& scalar) { return scalar[0].get<std::string>(); });
    return scalars;
}

}  // namespace conformance
