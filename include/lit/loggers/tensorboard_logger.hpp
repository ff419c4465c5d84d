// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/event_file.hpp>
#include <lit/loggers/hparams_plugin.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/run_folder.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
    explicit TensorBoardLogger(TensorBoardLoggerOptions options = {})
        : options_(std::move(options)),
          folder_("TensorBoardLogger", options_.save_dir, options_.name, options_.version, options_.sub_dir),
          prefix_(options_.prefix.empty() ? "" : options_.prefix + "-") {
        if (!(options_.flush_secs >= 0.0)) {
            throw ConfigError("TensorBoardLogger: flush_secs = " + std::to_string(options_.flush_secs) +
                              ", expected a number of seconds >= 0 (0 writes every row at once).");
        }
    }

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

    void log_hyperparams(const Dict& params) {
        constexpr std::array<Scalar, 1> placeholder = {Scalar{"hp_metric", -1.0}};
        log_hyperparams(params, options_.default_hp_metric ? std::span<const Scalar>(placeholder)
                                                           : std::span<const Scalar>());
    }

    /// With the metrics by which the runs are to be compared; without any, only `hparams.yaml` is written.
    void log_hyperparams(const Dict& params, std::span<const Scalar> metrics) {
        folder_.require_started("log_hyperparams");
        for (const auto& [key, value] : params) {
            hparams_.set(key, value);
        }
        write_hparams();
        if (metrics.empty()) {
            return;
        }
        using Plugin = detail::HParamsPlugin;
        const double now = detail::seconds_since_epoch();
        auto& file = events();
        file.add_scalars(prefix_, metrics, 0);
        file.add_plugin_data(Plugin::experiment_tag, Plugin::name,
                             Plugin::experiment(params, prefix_, metrics, now));
        file.add_plugin_data(Plugin::start_tag, Plugin::name, Plugin::session_start(params, now));
        session_open_ = true;
    }

    void save() {
        if (!hparams_written_ && folder_.started()) {
            write_hparams();
        }
        if (events_.is_open()) {
            events_.flush_if_due();
        }
    }

    void flush() {
        if (events_.is_open()) {
            events_.flush();
        }
    }

    void finalize(std::string_view status) {
        if (!events_.is_open()) {
            return;
        }
        if (status == "success") {
            save();
        }
        if (std::exchange(session_open_, false)) {
            using Plugin = detail::HParamsPlugin;
            events_.add_plugin_data(Plugin::end_tag, Plugin::name,
                                    Plugin::session_end(status != "failed", detail::seconds_since_epoch()));
        }
        events_.close();
    }

    [[nodiscard]] std::string name() const { return folder_.name(); }
    [[nodiscard]] std::string version() const { return folder_.version(); }
    [[nodiscard]] std::filesystem::path save_dir() const { return folder_.save_dir(); }
    [[nodiscard]] std::filesystem::path log_dir() const { return folder_.log_dir(); }
    [[nodiscard]] const TensorBoardLoggerOptions& options() const { return options_; }

 private:
    /// Opened again, under a new name beside the old one, when a run follows a finished one.
    detail::EventFile& events() {
        if (!events_.is_open()) {
            folder_.require_started("log_metrics");
            events_ = detail::EventFile(folder_.who(), folder_.log_dir(), options_.flush_secs);
        }
        return events_;
    }

    void write_hparams() {
        save_hparams_to_yaml(folder_.log_dir() / "hparams.yaml", hparams_);
        hparams_written_ = true;
    }

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
