// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/duration.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/stage_clock.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/configuration.hpp>

#include <optional>
#include <string>
#include <utility>

namespace lit {

struct TimerOptions {
    std::optional<Duration>
        duration{};  ///< of training: "DD:HH:MM:SS" or a std::chrono duration; none: only measures
    Interval interval = Interval::step;  ///< whether it stops after a batch, or at the end of an epoch
    bool verbose = true;                 ///< says so when it stops
};

/// Measures training, validation and test, and stops training when its time is used up:
/// `lit::Timer{{.duration = "00:12:00:00"}}`.
///
/// Counts  from on_train_start, validation included, and from where a checkpoint left off. It looks in on_fit_start (a
///         run that goes on without time left does not begin), and then once per batch or per epoch. Rank 0's clock
///         counts. `min_epochs` and `min_steps` are met first.
/// Errors  ConfigError for a text that is no duration, and for a negative one.
/// Cost    a clock is read for each batch; on several ranks a broadcast.
/// Source  Lightning `Timer`, same defaults and same state; see StageClock for the one difference.
class Timer {
 public:
    using Role = role::timer;

    explicit Timer(TimerOptions options = {}) : options_(std::move(options)) {
        if (options_.duration && options_.duration->is_negative()) {
            throw ConfigError(
                "Timer: duration is negative (" + std::to_string(options_.duration->seconds()) +
                " s). Give the time that training may take, for instance std::chrono::hours{12}.");
        }
    }

    /// Seconds on the monotonic clock; empty before the stage began or ended.
    [[nodiscard]] std::optional<double> start_time(RunningStage stage = RunningStage::training) const {
        return clock_.start_time(stage);
    }
    [[nodiscard]] std::optional<double> end_time(RunningStage stage = RunningStage::training) const {
        return clock_.end_time(stage);
    }
    [[nodiscard]] double time_elapsed(RunningStage stage = RunningStage::training) const {
        return clock_.time_elapsed(stage);
    }
    /// Empty without a duration; negative when it was exceeded.
    [[nodiscard]] std::optional<double> time_remaining(RunningStage stage = RunningStage::training) const {
        return options_.duration ? std::optional(options_.duration->seconds() - time_elapsed(stage))
                                 : std::nullopt;
    }

    void on_fit_start(auto& trainer, auto& /*module*/) { check(trainer); }
    void on_train_start(auto& /*trainer*/, auto& /*module*/) { clock_.start(RunningStage::training); }
    void on_train_end(auto& /*trainer*/, auto& /*module*/) { clock_.end(RunningStage::training); }
    void on_validation_start(auto& /*trainer*/, auto& /*module*/) { clock_.start(RunningStage::validating); }
    void on_validation_end(auto& /*trainer*/, auto& /*module*/) { clock_.end(RunningStage::validating); }
    void on_test_start(auto& /*trainer*/, auto& /*module*/) { clock_.start(RunningStage::testing); }
    void on_test_end(auto& /*trainer*/, auto& /*module*/) { clock_.end(RunningStage::testing); }
    void on_train_batch_end(auto& trainer, auto& /*module*/) {
        if (options_.interval == Interval::step) {
            check(trainer);
        }
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        if (options_.interval == Interval::epoch) {
            check(trainer);
        }
    }

    [[nodiscard]] std::string state_key() const { return "Timer"; }
    [[nodiscard]] Dict state_dict() const { return clock_.state_dict(); }
    void load_state_dict(const Dict& state) { clock_.load_state_dict(state); }

 private:
    void check(auto& trainer) const {
        if (options_.duration) {
            detail::stop_when_time_is_up(trainer, clock_, *options_.duration, options_.verbose);
        }
    }

    TimerOptions options_;
    StageClock clock_;
};

static_assert(StatefulCallback<Timer>);

}  // namespace lit
