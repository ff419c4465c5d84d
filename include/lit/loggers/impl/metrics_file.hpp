// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/number_text.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/metrics_file.hpp>
#include <lit/loggers/run_folder.hpp>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE MetricsFile MetricsFile::go_on(std::string_view who, std::filesystem::path path, std::int64_t rows) {
    MetricsFile file(who, std::move(path));
    file.take_up(rows);
    return file;
}

LIT_INLINE MetricsFile& MetricsFile::operator=(MetricsFile&& other) noexcept {
    if (this != &other) {
        write_last();
        who_ = std::move(other.who_);
        path_ = std::move(other.path_);
        file_ = std::move(other.file_);
        keys_ = std::move(other.keys_);
        header_written_ = other.header_written_;
        rows_ = other.rows_;
        waiting_ = other.waiting_;
        cells_ = std::move(other.cells_);
        tag_ = std::move(other.tag_);
        buffer_ = std::exchange(other.buffer_, {});
    }
    return *this;
}

LIT_INLINE std::size_t MetricsFile::column(std::string_view key) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(keys_, key) - keys_.begin());
}

LIT_INLINE bool MetricsFile::known(std::string_view key) const {
    const std::size_t at = column(key);
    return at < keys_.size() && keys_[at] == key;
}

void MetricsFile::learn(std::span<const Scalar> metrics, const auto& name_of) {
    const bool all_known = known("step") && std::ranges::all_of(metrics, [&](const Scalar& metric) {
                               return known(name_of(metric));
                           });
    if (all_known) {
        return;
    }
    flush();
    const std::vector<std::string> before = keys_;
    const auto add = [&](std::string_view key) {
        if (!known(key)) {
            keys_.insert(keys_.begin() + static_cast<std::ptrdiff_t>(column(key)), std::string(key));
        }
    };
    add("step");
    for (const Scalar& metric : metrics) {
        add(name_of(metric));
    }
    if (header_written_) {
        try {
            widen(before);
        } catch (...) {
            keys_ = before;  // the old file is still there, and fits the old names
            throw;
        }
    }
}

LIT_INLINE void MetricsFile::add_row(std::string_view prefix, std::span<const Scalar> metrics, std::int64_t step) {
    const auto name_of = [&](const Scalar& metric) -> std::string_view {
        return prefix.empty() ? metric.name : std::string_view(tag_.assign(prefix).append(metric.name));
    };
    learn(metrics, name_of);
    cells_.assign(keys_.size(), Cell{});
    for (const Scalar& metric : metrics) {
        cells_[column(name_of(metric))] = {metric.value,
                                           metric.name == "epoch" ? Kind::whole : Kind::real};
    }
    cells_[column("step")] = {static_cast<double>(step), Kind::step};
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        if (i > 0) {
            buffer_ += ',';
        }
        append_cell(cells_[i], step);
    }
    buffer_ += "\r\n";
    ++rows_;
    ++waiting_;
}

LIT_INLINE void MetricsFile::flush() {
    if (buffer_.empty()) {
        return;
    }
    try {
        if (!file_.is_open()) {
            file_ = AppendFile(who_, path_, AppendFile::Mode::append);
        }
        if (!header_written_) {
            file_.write(header());
            header_written_ = true;
        }
        file_.write(buffer_);
    } catch (...) {
        buffer_.clear();  // announced as lost
        rows_ -= std::exchange(waiting_, 0);
        throw;
    }
    buffer_.clear();
    waiting_ = 0;
}

LIT_INLINE void MetricsFile::close() {
    flush();
    file_.close();
}

LIT_INLINE void MetricsFile::take_up(std::int64_t rows) {
    std::string all;
    if (std::ifstream in(path_, std::ios::binary); in) {
        all.assign(std::istreambuf_iterator<char>(in), {});
    }
    const std::size_t head = end_of_header(all);
    std::size_t end = head;
    while (head > 0 && rows_ < rows) {
        const std::size_t next = all.find('\n', end);
        if (next == std::string::npos) {
            break;
        }
        end = next + 1;
        ++rows_;
    }
    if (rows_ < rows) {
        std::fprintf(stderr, "lit: warning: %s: %s has %lld of the %lld rows that the checkpoint speaks of. The others are "
                     "lost; the table goes on behind those that are there.\n",
                     who_.c_str(), path_.c_str(), static_cast<long long>(rows_), static_cast<long long>(rows));
    }
    if (end < all.size()) {
        std::filesystem::path superseded = path_;
        superseded.replace_extension(".superseded" + path_.extension().string());
        AppendFile past(who_, superseded, AppendFile::Mode::append);
        past.write(all.substr(0, head) + all.substr(end) + (all.ends_with('\n') ? "" : "\r\n"));
        past.close();
        replace_file(who_, path_, [&](AppendFile& out) { out.write(all.substr(0, end)); });
    }
    if (head > 0) {
        keys_ = names_in(all.substr(0, head - 1));
        header_written_ = true;
    }
}

LIT_INLINE std::size_t MetricsFile::end_of_header(std::string_view all) {
    bool quoted = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == '"') {
            quoted = !quoted;
        } else if (all[i] == '\n' && !quoted) {
            return i + 1;
        }
    }
    return 0;
}

LIT_INLINE std::vector<std::string> MetricsFile::names_in(std::string_view line) {
    std::vector<std::string> names(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
            names.back() += line[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            names.emplace_back();
        } else if (c != '\r' || quoted) {
            names.back() += c;
        }
    }
    return names;
}

LIT_INLINE void MetricsFile::widen(const std::vector<std::string>& before) {
    file_.close();
    std::vector<std::ptrdiff_t> source;  // of each new column, the old one, or -1
    for (const std::string& key : keys_) {
        const auto found = std::ranges::find(before, key);
        source.push_back(found == before.end() ? -1 : found - before.begin());
    }
    const std::size_t skip = header_of(before).size();
    replace_file(who_, path_, [&](AppendFile& out) {
        std::ifstream in(path_, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(skip));
        if (!in) {
            throw_file_error(who_, "read back", path_, errno == 0 ? EIO : errno);
        }
        std::string lines = header();
        std::string line;
        std::vector<std::string_view> cells;
        while (std::getline(in, line)) {
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            cells.clear();
            std::string_view rest = line;
            for (std::size_t comma = rest.find(','); comma != std::string_view::npos;
                 comma = rest.find(',')) {
                cells.push_back(rest.substr(0, comma));
                rest.remove_prefix(comma + 1);
            }
            cells.push_back(rest);
            for (std::size_t i = 0; i < source.size(); ++i) {
                lines += i == 0 ? "" : ",";
                if (source[i] >= 0 && static_cast<std::size_t>(source[i]) < cells.size()) {
                    lines += cells[static_cast<std::size_t>(source[i])];
                }
            }
            lines += "\r\n";
            if (lines.size() > 64 * 1024) {
                out.write(lines);
                lines.clear();
            }
        }
        out.write(lines);
    });
}

LIT_INLINE std::string MetricsFile::header_of(const std::vector<std::string>& keys) {
    std::string line;
    for (const std::string& key : keys) {
        line += line.empty() && &key == &keys.front() ? "" : ",";
        if (key.find_first_of(",\"\r\n") == std::string::npos) {
            line += key;
            continue;
        }
        line += '"';
        for (const char c : key) {
            line += c == '"' ? "\"\"" : std::string(1, c);
        }
        line += '"';
    }
    return line + "\r\n";
}

LIT_INLINE void MetricsFile::append_cell(const Cell& cell, std::int64_t step) {
    if (cell.kind == Kind::step) {
        append_int(buffer_, step);
    } else if (cell.kind == Kind::whole && std::floor(cell.value) == cell.value &&
               std::abs(cell.value) < 1e15) {
        append_int(buffer_, static_cast<std::int64_t>(cell.value));
    } else if (cell.kind != Kind::empty) {
        append_float(buffer_, cell.value);
    }
}

LIT_INLINE void MetricsFile::write_last() noexcept {
    try {
        if (pending()) {
            close();
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lit: %s\n", error.what());
    }
}

}  // namespace lit::detail
