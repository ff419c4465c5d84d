// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/results.hpp>
#include <lit/core/resume_point.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/stage_clock.hpp>

#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

/// Whom a module asks how many steps a fit will make; nobody outside of a fit.
struct SteppingEstimate {
    void* fit = nullptr;
    std::optional<std::int64_t> (*ask)(void* fit) = nullptr;
};

/// What a run knows of itself that does not depend on any type: counters, metrics, the wish to stop.
///
/// The trainer owns it; a module points to it while a run lasts, and reads and logs through it.
struct RunState {
    RunState();
    RunState(const RunState&);
    RunState(RunState&&) noexcept;
    RunState& operator=(const RunState&);
    RunState& operator=(RunState&&) noexcept;
    ~RunState();

    Stage stage = Stage::fit;
    RunningStage running = RunningStage::none;
    Hook current_hook = Hook::none;
    bool should_stop = false;
    std::string stop_reason;
    std::optional<Status> asked_to_end_by;  ///< while an Interrupt is handled: its status
    FitProgress progress;
    bool automatic_optimization = true;
    SteppingEstimate stepping_estimate;
    StageClock max_time_clock;  ///< runs where `max_time` is in force
    ResumePoint resume_point;   ///< of the checkpoint that this run goes on from, until it is taken up
    LoaderStateRef train_loader;
    bool batch_finished = false;  ///< nothing is left to do for the last batch: no validation, no count of its window
    ValidationBegin validation_began;  ///< of a fit's validation
    std::vector<std::int64_t> validation_rows;  ///< batches of each validation loader of this fit: the x of their rows

    MetricTable callback_metrics;
    MetricTable logged_metrics;
    MetricTable progress_bar_metrics;

    ResultCollection train_results{true};
    ResultCollection fit_validation_results{false};
    ResultCollection validate_results{false};
    ResultCollection test_results{false};
    ResultCollection* results = nullptr;  ///< of the loop that runs; none in predict and outside of runs
    /// The epoch under way was begun in another run, whose checkpoint has no metrics.
    bool metrics_left_out = false;
    RankReducer ranks;
    std::int64_t rank = 0;
    std::int64_t batch_size = 0;  ///< samples of the batch in work; 0 between batches, -1 when it cannot be told

    [[nodiscard]] std::int64_t current_epoch() const { return progress.epoch.current.completed; }
    [[nodiscard]] std::int64_t global_step() const {
        return automatic_optimization ? progress.optimizer_step.total.completed : progress.manual_step.total.completed;
    }
    [[nodiscard]] bool sanity_checking() const { return running == RunningStage::sanity_checking; }
    void request_stop(std::string_view reason) {
        should_stop = true;
        stop_reason = reason;
    }

    /// Errors  lit::Error outside of a hook that may log, for arguments that the hook does not allow, and when a
    ///         weighted mean finds no batch size.
    void log(MetricId name, const Number& value, const LogOptions& options);

    /// The same for a metric object, see `ResultCollection::log_metric`.
    ///
    /// Errors  those of `log`, and a `reduce_fx`: the object reduces by itself.
    void log_metric(MetricId name, const MetricRef& metric, const at::Tensor& batch_value, const LogOptions& options);

    /// At the end of a run: nothing of it keeps pointing to what the module owns.
    void release_metrics();
    /// Before a run: an exception may have ended the one before inside an epoch.
    void forget_results();

    // --- what the loops say at the points where Lightning's logger connector is told ---

    void batch_started(std::int64_t samples, std::int64_t dataloader_idx) {
        iteration_ = iteration_ == Iteration::none ? Iteration::first : Iteration::later;
        batch_size = samples;
        results->set_dataloader(dataloader_idx);
    }
    /// Publishes the batch's step values.
    void batch_ended() {
        publish();
        batch_size = 0;
    }
    /// An epoch goes on in the middle: what was logged in it counts, as if its first batch had been seen here.
    void resume_epoch(const List& metrics, at::Device device);
    /// From here on the values of the epoch are meant.
    void epoch_end_reached() { iteration_ = Iteration::none; }
    void epoch_ended() {
        publish();
        logged_hook_ = Hook::none;
    }
    void reset_results();
    void reset_metrics();
    /// Lightning computes its dicts when they are read; so a callback sees what was logged a moment ago.
    void publish();
    /// The same for one of the three tables: to read one is not to publish the others.
    const MetricTable& publish(MetricTable& only);
    /// Publishes, and hands what goes to the loggers to `log_sink(id, number)`.
    template <class LogSink>
    void publish_to(LogSink&& log_sink) {
        results->publish(on_step(), ranks,
                         [&](MetricId plain, MetricId forked, const Number& number, const ResolvedLog& options,
                             bool for_callbacks) {
                             if (options.logger) {
                                 logged_metrics.set(forked, number);
                                 log_sink(forked, number);
                             }
                             if (for_callbacks) {
                                 callback_metrics.set(plain, number);
                                 callback_metrics.set(forked, number);
                             }
                             if (options.prog_bar) {
                                 progress_bar_metrics.set(forked, number);
                             }
                         });
    }
    [[nodiscard]] bool on_step() const { return iteration_ != Iteration::none; }

    /// Validation inside an epoch of training puts the training's place in the epoch aside. An exception leaves it
    /// where it was thrown: on_exception hooks see a validation that broke off.
    class Nested {
     public:
        explicit Nested(RunState& state)
            : state_(state), iteration_(state.iteration_), results_(state.results),
              running_(state.running) {}
        Nested(const Nested&) = delete;
        Nested& operator=(const Nested&) = delete;
        ~Nested() {
            if (std::uncaught_exceptions() > exceptions_) {
                return;
            }
            state_.iteration_ = iteration_;
            state_.results = results_;
            state_.running = running_;
        }

     private:
        RunState& state_;
        int iteration_;
        ResultCollection* results_;
        RunningStage running_;
        int exceptions_ = std::uncaught_exceptions();
    };

 private:
    struct Iteration {
        static constexpr int none = 0;
        static constexpr int first = 1;
        static constexpr int later = 2;
    };

    [[nodiscard]] std::array<ResultCollection*, 4> all_results() {
        return {&train_results, &fit_validation_results, &validate_results, &test_results};
    }
    ResolvedLog prepare_log(MetricId name, const LogOptions& options, bool metric_object);
    [[nodiscard]] ResolvedLog resolve(MetricId name, const LogOptions& options) const;
    [[nodiscard]] double weight_of(MetricId name, const LogOptions& options, const ResolvedLog& resolved) const;

    int iteration_ = Iteration::none;
    Hook logged_hook_ = Hook::none;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/run_state.hpp>
#endif
