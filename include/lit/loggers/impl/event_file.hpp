// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loggers/crc32c.hpp>
#include <lit/loggers/event_file.hpp>
#include <lit/loggers/logger.hpp>

#include <protozero/pbf_writer.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lit::detail {

LIT_INLINE EventFile::EventFile(std::string_view who, const std::filesystem::path& folder, double flush_secs)
    : file_(who, folder / file_name(), AppendFile::Mode::create_new), flush_secs_(flush_secs) {
    buffer_.reserve(capacity + 4096);
    record_.reserve(1024);
    protozero::pbf_writer event(record_);
    event.add_double(1, seconds_since_epoch());
    event.add_string(3, "brain.Event:2");
    append_record();
    flush();
}

LIT_INLINE EventFile& EventFile::operator=(EventFile&& other) noexcept {
    if (this != &other) {
        write_last();
        file_ = std::move(other.file_);
        buffer_ = std::exchange(other.buffer_, {});
        record_ = std::move(other.record_);
        tag_ = std::move(other.tag_);
        flush_secs_ = other.flush_secs_;
        flushed_ = other.flushed_;
    }
    return *this;
}

LIT_INLINE void EventFile::add_scalars(std::string_view prefix, std::span<const Scalar> metrics, std::int64_t step) {
    if (metrics.empty()) {
        return;
    }
    record_.clear();
    {
        protozero::pbf_writer event(record_);
        event.add_double(1, seconds_since_epoch());
        event.add_int64(2, step);
        protozero::pbf_writer summary(event, 5);
        for (const Scalar& metric : metrics) {
            protozero::pbf_writer value(summary, 1);
            if (prefix.empty()) {
                value.add_string(1, metric.name.data(), metric.name.size());
            } else {
                tag_.assign(prefix).append(metric.name);
                value.add_string(1, tag_);
            }
            value.add_float(2, static_cast<float>(metric.value));
        }
    }
    append_record();
    flush_if_due();
}

LIT_INLINE void EventFile::add_plugin_data(std::string_view tag, std::string_view plugin, std::string_view content) {
    record_.clear();
    {
        protozero::pbf_writer event(record_);
        event.add_double(1, seconds_since_epoch());
        protozero::pbf_writer summary(event, 5);
        protozero::pbf_writer value(summary, 1);
        value.add_string(1, tag.data(), tag.size());
        protozero::pbf_writer metadata(value, 9);
        protozero::pbf_writer data(metadata, 1);
        data.add_string(1, plugin.data(), plugin.size());
        data.add_bytes(2, content.data(), content.size());
    }
    append_record();
}

LIT_INLINE void EventFile::flush() {
    flushed_ = std::chrono::steady_clock::now();
    if (buffer_.empty()) {
        return;
    }
    try {
        file_.write(buffer_);
    } catch (...) {
        buffer_.clear();  // it was announced as lost; writing it again would repeat what did get through
        throw;
    }
    buffer_.clear();
}

LIT_INLINE void EventFile::close() {
    flush();
    file_.close();
}

LIT_INLINE std::string EventFile::file_name() {
    static std::atomic<int> count{0};
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') {
        host = {'h', 'o', 's', 't'};
    }
    std::array<char, 400> name{};
    std::snprintf(name.data(), name.size(), "events.out.tfevents.%010lld.%s.%d.%d",
                  static_cast<long long>(seconds_since_epoch()), host.data(),
                  static_cast<int>(::getpid()), count++);
    return name.data();
}

LIT_INLINE void EventFile::put_little_endian(char* out, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
        out[i] = static_cast<char>(value >> (8 * i));
    }
}

LIT_INLINE void EventFile::append_record() {
    std::array<char, 12> head{};
    put_little_endian(head.data(), record_.size(), 8);
    put_little_endian(head.data() + 8, masked_crc32c({head.data(), 8}), 4);
    std::array<char, 4> foot{};
    put_little_endian(foot.data(), masked_crc32c(record_), 4);
    buffer_.append(head.data(), head.size()).append(record_).append(foot.data(), foot.size());
}

LIT_INLINE void EventFile::write_last() noexcept {
    try {
        if (file_.is_open()) {
            close();
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lit: %s\n", error.what());
    }
}

}  // namespace lit::detail
