// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/event_file.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/run_folder.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lit {

struct TensorBoardLoggerOptions {
    std::string save_dir = "";            ///< empty: the trainer's `default_root_dir`
    std::string name = "lightning_logs";  ///< of the experiment; empty: no folder of its own
    std::string version = "";             ///< a folder's name; empty: the next free `version_N`
    std::string prefix = "";              ///< joined to every metric's name with "-"
    std::string sub_dir = "";             ///< below the version's folder
    bool default_hp_metric = true;        ///< hyperparameters without metrics get `hp_metric` = -1
    double flush_secs = 5.0;              ///< rows wait no longer than this once another row comes
};

/// Writes the run as TensorBoard reads it, to `<save_dir>/<name>/<version>/events.out.tfevents.*`.
///
/// Beside it lies `hparams.yaml`; the hyperparameters are also in the event file, for TensorBoard's HPARAMS
/// tab, and finalize() adds how the run ended. Show it with `tensorboard --logdir lightning_logs`. Errors
/// ConfigError on construction (`flush_secs` negative or no number); FileError with the path and the reason
///         from start() and from every call that writes.
/// Cost    a row costs about 0.1 microseconds a scalar and allocates nothing; values are stored as 32-bit
/// floats. Source  Lightning `TensorBoardLogger`. There, every row is written out at once and `log_graph`
/// exists; here
///         `hparams.yaml` is renewed when log_hyperparams() is called again.
class TensorBoardLogger {
 public:
    explicit TensorBoardLogger(TensorBoardLoggerOptions options = {});

    void start(const std::filesystem::path& default_root_dir) {
        folder_.start(default_root_dir);
        events();
    }

    /// Which run this is.
    [[nodiscard]] Dict run_identity() const { return folder_.identity(); }
    /// From start() on: the same folder, with an event file beside those that are there. Of points of one step TensorBoard
    /// shows the last that was written.
    void resume_run(const Dict& identity) { folder_.go_on_with(identity); }

    void log_metrics(std::span<const Scalar> metrics, std::int64_t step) {
        events().add_scalars(prefix_, metrics, step);
    }

    void log_hyperparams(const Dict& params);

    /// With the metrics by which the runs are to be compared; without any, only `hparams.yaml` is written.
    void log_hyperparams(const Dict& params, std::span<const Scalar> metrics);

    void save();

    void flush() {
        if (events_.is_open()) {
            events_.flush();
        }
    }

    void finalize(std::string_view status);

    [[nodiscard]] std::string name() const { return folder_.name(); }
    [[nodiscard]] std::string version() const { return folder_.version(); }
    [[nodiscard]] std::filesystem::path save_dir() const { return folder_.save_dir(); }
    [[nodiscard]] std::filesystem::path log_dir() const { return folder_.log_dir(); }
    [[nodiscard]] const TensorBoardLoggerOptions& options() const { return options_; }

 private:
    /// Opened again, under a new name beside the old one, when a run follows a finished one.
    detail::EventFile& events();

    void write_hparams();

    TensorBoardLoggerOptions options_;
    detail::RunFolder folder_;
    std::string prefix_;
    Dict hparams_;
    detail::EventFile events_;
    bool hparams_written_ = false;
    bool session_open_ = false;
};
static_assert(LoggerPolicy<TensorBoardLogger>);
static_assert(FlushesLogs<TensorBoardLogger> && ContinuesRun<TensorBoardLogger>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/tensorboard_logger.hpp>
#endif
