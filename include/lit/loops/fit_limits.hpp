// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/run_state.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/trainer_options.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace lit::detail {

/// When a fit ends: the epochs and steps of the options, those that components add, and whoever asked to stop.
///
/// Source  Lightning `_FitLoop.done`, `_FitLoop._can_stop_early`.
template <class Run>
class FitLimits {
 public:
    explicit FitLimits(Run& run) : run_(run) {}

    /// From the options; says what was assumed and what is ignored.
    void resolve() {
        const TrainerOptions& options = run_.options();
        min_epochs_ = options.min_epochs.value_or(options.min_steps ? 1 : 0);
        min_steps_ = options.min_steps.value_or(0);
        if (options.max_epochs) {
            max_epochs_ = *options.max_epochs;
        } else if (options.max_steps == -1 && !options.max_time && !has_timer(run_)) {
            run_.warn("max_epochs was not set: 1000. Set max_epochs = -1 to train without an end.");
            max_epochs_ = 1000;
        } else {
            max_epochs_ = -1;
        }
        if (options.max_time && has_timer(run_)) {
            run_.print("lit: max_time is ignored, since there is a Timer among the components.");
        }
    }

    [[nodiscard]] bool can_stop_early() const {
        return run_.state().progress.epoch.current.processed >= min_epochs_ && run_.global_step() >= min_steps_;
    }
    /// Whether an epoch may follow after so many.
    [[nodiscard]] bool allow_epoch(std::int64_t processed) const { return !is_past_steps() && !is_past_epochs(processed); }
    /// Whether the fit is over; says why. `max_batches`: of an epoch, unknown for a loader without a size.
    [[nodiscard]] bool reached(std::optional<std::int64_t> max_batches) {
        RunState& state = run_.state();
        if (max_batches == 0) {
            run_.print("lit: fit stopped: no training batches.");
            return true;
        }
        if (is_past_steps()) {
            run_.print("lit: fit stopped: max_steps = " + std::to_string(run_.options().max_steps) + " reached.");
            return true;
        }
        Tracker& epochs = state.progress.epoch.current;
        if (is_past_epochs(epochs.processed)) {
            epochs.completed = epochs.processed;
            run_.print("lit: fit stopped: max_epochs = " + std::to_string(max_epochs_) + " reached.");
            return true;
        }
        return state.should_stop && can_stop_early();
    }

 private:
    [[nodiscard]] bool is_past_steps() const {
        return run_.options().max_steps != -1 && run_.global_step() >= run_.options().max_steps;
    }
    [[nodiscard]] bool is_past_epochs(std::int64_t processed) const {
        return max_epochs_ != -1 && processed >= max_epochs_ + extra_epochs(run_.components());
    }

    Run& run_;
    std::int64_t max_epochs_ = -1;
    std::int64_t min_epochs_ = 0;
    std::int64_t min_steps_ = 0;
};

}  // namespace lit::detail
