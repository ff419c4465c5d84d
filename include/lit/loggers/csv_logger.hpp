// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/metrics_file.hpp>
#include <lit/loggers/run_folder.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lit {

struct CSVLoggerOptions {
    std::string save_dir = "";                    ///< empty: the trainer's `default_root_dir`
    std::string name = "lightning_logs";          ///< of the experiment; empty: no folder of its own
    std::string version = "";                     ///< a folder's name; empty: the next free `version_N`
    std::string prefix = "";                      ///< joined to every metric's name with "-"
    std::int64_t flush_logs_every_n_steps = 100;  ///< rows are written out at least this often, in steps
};

/// Writes the run as a table, to `<save_dir>/<name>/<version>/metrics.csv`, and `hparams.yaml` beside it.
///
/// Columns are all names seen so far, sorted, with `step` among them; a cell is empty where a row has no such
/// value. A new name rewrites the file (through a temporary one, so that no reader meets half a table). As in
/// Lightning, a `metrics.csv` that is already in the folder of a version that the user names is deleted at
/// start, with a warning. A fit that goes on from a checkpoint in another process writes on into its own table: rows that
/// came after the checkpoint move to the end of `metrics.superseded.csv`.
/// Errors  ConfigError on construction (`flush_logs_every_n_steps` < 1); FileError with the path and the reason from
///         start() and from every call that writes.
/// Cost    rows are buffered and written every `flush_logs_every_n_steps` steps, and once the last write is 5
/// seconds ago. Source  Lightning `CSVLogger`, byte for byte, whose Trainer writes every row at once.
class CSVLogger {
 public:
    explicit CSVLogger(CSVLoggerOptions options = {})
        : options_(std::move(options)),
          folder_("CSVLogger", options_.save_dir, options_.name, options_.version),
          prefix_(options_.prefix.empty() ? "" : options_.prefix + "-") {
        if (options_.flush_logs_every_n_steps < 1) {
            throw ConfigError(
                "CSVLogger: flush_logs_every_n_steps = " + std::to_string(options_.flush_logs_every_n_steps) +
                ", expected at least 1 (1 writes every row at once).");
        }
    }

    void start(const std::filesystem::path& default_root_dir) {
        if (folder_.started()) {
            return;
        }
        folder_.start(default_root_dir);
        const std::filesystem::path path = folder_.log_dir() / "metrics.csv";
        written_ = std::chrono::steady_clock::now();
        if (folder_.goes_on()) {
            metrics_ = detail::MetricsFile::go_on(folder_.who(), path, rows_before_);
            return;
        }
        std::error_code reason;
        if (std::filesystem::remove(path, reason)) {
            std::fprintf(stderr, "lit: CSVLogger: %s was there from an earlier run and has been deleted.\n",
                         path.c_str());
        } else if (reason) {
            detail::throw_file_error(folder_.who(), "delete", path, reason.value());
        }
        metrics_ = detail::MetricsFile(folder_.who(), path);
    }
    /// Which run this is, and how many rows it has.
    [[nodiscard]] Dict run_identity() const {
        Dict identity = folder_.identity();
        identity.set("rows", metrics_.rows());
        return identity;
    }
    /// From start() on: the same folder, and the table with as many rows as it had then.
    void resume_run(const Dict& identity) {
        folder_.go_on_with(identity);
        rows_before_ = identity.at("rows").to_int();
    }

    void log_metrics(std::span<const Scalar> metrics, std::int64_t step) {
        folder_.require_started("log_metrics");
        metrics_.add_row(prefix_, metrics, step);
        if ((step + 1) % options_.flush_logs_every_n_steps == 0) {
            flush();
        }
    }

    void log_hyperparams(const Dict& params) {
        folder_.require_started("log_hyperparams");
        for (const auto& [key, value] : params) {
            hparams_.set(key, value);
        }
        save_hparams_to_yaml(folder_.log_dir() / "hparams.yaml", hparams_);
    }

    void save() {
        if (metrics_.pending() && std::chrono::steady_clock::now() - written_ >= std::chrono::seconds(5)) {
            flush();
        }
    }

    void flush() {
        written_ = std::chrono::steady_clock::now();
        metrics_.flush();
    }

    void finalize(std::string_view /*status*/) { metrics_.close(); }

    [[nodiscard]] std::string name() const { return folder_.name(); }
    [[nodiscard]] std::string version() const { return folder_.version(); }
    [[nodiscard]] std::filesystem::path save_dir() const { return folder_.save_dir(); }
    [[nodiscard]] std::filesystem::path log_dir() const { return folder_.log_dir(); }
    [[nodiscard]] const CSVLoggerOptions& options() const { return options_; }

 private:
    CSVLoggerOptions options_;
    detail::RunFolder folder_;
    std::string prefix_;
    Dict hparams_;
    detail::MetricsFile metrics_;
    std::int64_t rows_before_ = 0;  ///< of the run that is gone on with
    std::chrono::steady_clock::time_point written_{};
};
static_assert(LoggerPolicy<CSVLogger>);
static_assert(FlushesLogs<CSVLogger> && ContinuesRun<CSVLogger>);

}  // namespace lit
