// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loggers/reference/folder.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// A reader of event files that shares no line with the writer: bit-wise checksum, hand-written protobuf.
namespace reference {

struct EventValue {
    std::string tag;
    float number = 0.0F;
    std::string plugin;
    std::string plugin_content;
};
struct Event {
    double wall_time = 0.0;
    std::int64_t step = 0;
    std::string file_version;
    std::vector<EventValue> values;
};

inline std::uint32_t slow_masked_crc(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
        }
    }
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

/// Calls `field(number, wire_type, integer, bytes)` for each field of a message.
void each_field(std::string_view message, auto&& field) {
    const auto varint = [&] {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            if (message.empty() || shift > 63) {
                throw std::runtime_error("a varint does not end");
            }
            const auto byte = static_cast<unsigned char>(message.front());
            message.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
            if (byte < 0x80) {
                return value;
            }
        }
    };
    while (!message.empty()) {
        const std::uint64_t key = varint();
        const int type = static_cast<int>(key & 7U);
        const std::uint64_t integer = type == 0 || type == 2 ? varint() : 0;
        const std::size_t size = type == 0   ? 0
                                 : type == 1 ? 8
                                 : type == 5 ? 4
                                             : static_cast<std::size_t>(integer);
        if (size > message.size()) {
            throw std::runtime_error("a field is longer than its message");
        }
        field(static_cast<int>(key >> 3), type, integer, message.substr(0, size));
        message.remove_prefix(size);
    }
}

template <class Real>
Real real_of(std::string_view bytes) {
    Real value{};
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
}

inline Event parse_event(std::string_view record) {
    Event event;
    each_field(record, [&](int number, int, std::uint64_t integer, std::string_view bytes) {
        if (number == 1) {
            event.wall_time = real_of<double>(bytes);
        } else if (number == 2) {
            event.step = static_cast<std::int64_t>(integer);
        } else if (number == 3) {
            event.file_version = bytes;
        } else if (number == 5) {
            each_field(bytes, [&](int, int, std::uint64_t, std::string_view value_bytes) {
                EventValue value;
                each_field(value_bytes, [&](int part, int, std::uint64_t, std::string_view text) {
                    if (part == 1) {
                        value.tag = text;
                    } else if (part == 2) {
                        value.number = real_of<float>(text);
                    } else if (part == 9) {
                        each_field(text, [&](int, int, std::uint64_t, std::string_view data) {
                            each_field(data, [&](int what, int, std::uint64_t, std::string_view content) {
                                (what == 1 ? value.plugin : value.plugin_content) = content;
                            });
                        });
                    }
                });
                event.values.push_back(value);
            });
        }
    });
    return event;
}

/// All events of a file; throws where a checksum or a length is wrong.
inline std::vector<Event> read_events(const std::filesystem::path& path) {
    const std::string bytes = content(path);
    std::string_view rest = bytes;
    std::vector<Event> events;
    while (!rest.empty()) {
        if (rest.size() < 16) {
            throw std::runtime_error("a record is cut off");
        }
        const auto size = static_cast<std::size_t>(real_of<std::uint64_t>(rest));
        if (real_of<std::uint32_t>(rest.substr(8)) != slow_masked_crc(rest.substr(0, 8)) ||
            rest.size() < 16 + size) {
            throw std::runtime_error("the length of a record is damaged");
        }
        const std::string_view record = rest.substr(12, size);
        if (real_of<std::uint32_t>(rest.substr(12 + size)) != slow_masked_crc(record)) {
            throw std::runtime_error("the content of a record is damaged");
        }
        events.push_back(parse_event(record));
        rest.remove_prefix(16 + size);
    }
    return events;
}

/// The event files of a run's folder, oldest first.
inline std::vector<std::filesystem::path> event_files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace reference
