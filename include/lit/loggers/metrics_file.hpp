// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/run_folder.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

/// `metrics.csv`: a header with every name seen so far in sorted order, a row per call, an empty cell where a
/// row has no such value. Lines end as Python's csv module ends them.
class MetricsFile {
 public:
    MetricsFile() = default;
    MetricsFile(std::string_view who, std::filesystem::path path) : who_(who), path_(std::move(path)) {}
    /// The file of a run that goes on: with the first `rows` of its rows. What comes after them is added, under the header
    /// that it had, to `<name>.superseded.csv` beside it.
    ///
    /// Fewer rows are told on stderr.
    /// Errors  FileError where it cannot be written.
    [[nodiscard]] static MetricsFile go_on(std::string_view who, std::filesystem::path path, std::int64_t rows);
    MetricsFile(MetricsFile&&) noexcept = default;
    MetricsFile& operator=(MetricsFile&& other) noexcept;
    MetricsFile(const MetricsFile&) = delete;
    MetricsFile& operator=(const MetricsFile&) = delete;
    ~MetricsFile() { write_last(); }

    [[nodiscard]] bool pending() const { return !buffer_.empty(); }
    /// Rows so far, those that wait among them.
    [[nodiscard]] std::int64_t rows() const { return rows_; }

    void add_row(std::string_view prefix, std::span<const Scalar> metrics, std::int64_t step);

    void flush();

    void close();

 private:
    enum class Kind { empty, real, whole, step };
    struct Cell {
        double value = 0.0;
        Kind kind = Kind::empty;
    };

    [[nodiscard]] std::size_t column(std::string_view key) const;
    [[nodiscard]] bool known(std::string_view key) const;

    void learn(std::span<const Scalar> metrics, const auto& name_of);

    void take_up(std::int64_t rows);
    /// Where the rows begin; a name may have a line's end in its quotes. 0 where there is no whole header.
    [[nodiscard]] static std::size_t end_of_header(std::string_view all);
    /// The names in a header, as `header_of` writes them.
    [[nodiscard]] static std::vector<std::string> names_in(std::string_view line);

    /// Rewrites the file line by line with the new header; the cells are numbers, so a comma only ever
    /// separates them.
    void widen(const std::vector<std::string>& before);

    [[nodiscard]] std::string header() const { return header_of(keys_); }
    [[nodiscard]] static std::string header_of(const std::vector<std::string>& keys);

    void append_cell(const Cell& cell, std::int64_t step);

    /// A logger that goes out of scope without finalize() has nobody to throw to.
    void write_last() noexcept;

    std::string who_;
    std::filesystem::path path_;
    AppendFile file_;
    bool header_written_ = false;
    std::int64_t rows_ = 0;
    std::int64_t waiting_ = 0;  ///< of them, those in buffer_
    std::vector<std::string> keys_;
    std::vector<Cell> cells_;
    std::string tag_;
    std::string buffer_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/metrics_file.hpp>
#endif
