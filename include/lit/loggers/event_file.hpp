// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/needs_protozero.hpp>
#include <lit/loggers/run_folder.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lit::detail {

[[nodiscard]] inline double seconds_since_epoch() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// One event file of TensorBoard: a sequence of records with checksums, each a protobuf `Event`.
///
/// Cost    a row is one record in a buffer of 64 KiB that is kept; it is written out when full and when the
/// last
///         write is `flush_secs` ago. No memory is allocated once the longest row has been seen.
/// Errors  FileError when the file cannot be made or written.
class EventFile {
 public:
    EventFile() = default;
    EventFile(std::string_view who, const std::filesystem::path& folder, double flush_secs);
    EventFile(EventFile&&) noexcept = default;
    EventFile& operator=(EventFile&& other) noexcept;
    EventFile(const EventFile&) = delete;
    EventFile& operator=(const EventFile&) = delete;
    ~EventFile() { write_last(); }

    [[nodiscard]] bool is_open() const { return file_.is_open(); }
    [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }

    /// All scalars of a row in one event; `prefix` stands before each name.
    void add_scalars(std::string_view prefix, std::span<const Scalar> metrics, std::int64_t step);

    /// A summary that consists of a plugin's own bytes and nothing else.
    void add_plugin_data(std::string_view tag, std::string_view plugin, std::string_view content);

    void flush_if_due() {
        if (buffer_.size() >= capacity ||
            std::chrono::steady_clock::now() - flushed_ >= std::chrono::duration<double>(flush_secs_)) {
            flush();
        }
    }

    /// Hands everything to the operating system: a reader of the file sees it.
    void flush();

    void close();

 private:
    static constexpr std::size_t capacity = 64 * 1024;

    [[nodiscard]] static std::string file_name();

    static void put_little_endian(char* out, std::uint64_t value, int bytes);

    /// u64 length, u32 its checksum, the bytes, u32 their checksum.
    void append_record();

    /// A logger that goes out of scope without finalize() has nobody to throw to.
    void write_last() noexcept;

    AppendFile file_;
    std::string buffer_;
    std::string record_;
    std::string tag_;
    double flush_secs_ = 0.0;
    std::chrono::steady_clock::time_point flushed_{};
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/event_file.hpp>
#endif
