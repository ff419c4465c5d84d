// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/metrics_file.hpp>
#include <lit/loggers/run_folder.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

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
    explicit CSVLogger(CSVLoggerOptions options = {});

    void start(const std::filesystem::path& default_root_dir);
    /// Which run this is, and how many rows it has.
    [[nodiscard]] Dict run_identity() const;
    /// From start() on: the same folder, and the table with as many rows as it had then.
    void resume_run(const Dict& identity);

    void log_metrics(std::span<const Scalar> metrics, std::int64_t step);

    void log_hyperparams(const Dict& params);

    void save();

    void flush();

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

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/csv_logger.hpp>
#endif
