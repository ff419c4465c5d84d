// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/monitor.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lit {

struct EarlyStoppingOptions {
    std::string monitor{};      ///< only for EarlyStopping<>: the value's name, chosen at run time
    double min_delta = 0.0;     ///< a change has to be larger than this to count, in the unit of the monitor
    std::int64_t patience = 3;  ///< checks without improvement, not epochs; 0 behaves as 1
    bool verbose = false;       ///< says each improvement, and why it stops
    Mode mode = Mode::minimize;
    bool strict = true;                            ///< a monitor that is missing is an error
    bool check_finite = true;                      ///< stops on nan and inf
    std::optional<double> stopping_threshold{};    ///< stops once the value is better than this
    std::optional<double> divergence_threshold{};  ///< stops once the value is worse than this
    std::optional<bool>
        check_on_train_epoch_end{};   ///< none: after training epochs if each has one validation
    bool log_rank_zero_only = false;  ///< whether other ranks than 0 are quiet about their reasons
};

/// Why an EarlyStopping stopped, with Python's numbers.
enum class StoppingReason : std::uint8_t {
    not_stopped,
    stopping_threshold,
    divergence_threshold,
    patience_exhausted,
    non_finite_metric,
};

/// Asks the trainer to stop once a logged value has stopped improving: `EarlyStopping<"val_loss">{{.patience = 5}}`,
/// or with a name known only at run time `EarlyStopping<>{{.monitor = name}}`.
///
/// Counts  checks; an equal value, or one better by `min_delta` and no more, is not an improvement. The order: not
///         finite, stopping threshold, divergence threshold, improvement, patience. One rank that stops stops all.
///         Nothing happens in the sanity check, in fast_dev_run and outside of fit.
/// Units   values are compared as 32-bit floats, in which Lightning holds them.
/// Errors  a `Monitor` that the module's `Logs` lacks does not compile; ConfigError on construction without a monitor;
///         UnknownMetric when the monitor was not logged, if `strict`.
/// Cost    a wait for the device, once per check.
/// Source  Lightning `EarlyStopping`, same defaults and same state; the loaded patience replaces the given one.
template <FixedString Monitor = "">
class EarlyStopping {
 public:
    using Role = role::monitor;
    static constexpr auto monitor_name = Monitor;

    EarlyStopping() : EarlyStopping(EarlyStoppingOptions{}) {
        static_assert(!Monitor.empty(),
                      "lit: EarlyStopping<>{} has no monitor. Write lit::EarlyStopping<\"val_loss\">{}, or "
                      "lit::EarlyStopping<>{{.monitor = name}} for a name chosen at run time.");
    }
    explicit EarlyStopping(EarlyStoppingOptions options)
        : options_(std::move(options)),
          monitor_(who, options_.monitor),
          on_train_epoch_end_(options_.check_on_train_epoch_end),
          patience_(options_.patience),
          best_score_(worst_value<float>(options_.mode)) {
        if (monitor_.empty()) {
            throw ConfigError(
                "EarlyStopping: no monitor was given. Write EarlyStopping<\"val_loss\">{} or "
                "EarlyStopping<>{{.monitor = name}}.");
        }
        if (std::isnan(options_.min_delta)) {
            throw ConfigError("EarlyStopping: min_delta is nan. Give the smallest change that counts.");
        }
    }

    void setup(auto& trainer, auto& /*module*/, Stage /*stage*/) {
        if (!on_train_epoch_end_) {
            const auto& options = trainer.options();
            on_train_epoch_end_ =
                detail::validates_once_per_epoch(options) && options.check_val_every_n_epoch == 1;
        }
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        if (on_train_epoch_end_.value_or(false)) {
            check(trainer);
        }
    }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        if (!on_train_epoch_end_.value_or(false)) {
            check(trainer);
        }
    }

    [[nodiscard]] std::string monitor() const { return monitor_.name(); }
    /// The epoch in which it stopped, counted from 0; 0 too when it did not stop.
    [[nodiscard]] std::int64_t stopped_epoch() const { return stopped_epoch_; }
    [[nodiscard]] std::int64_t wait_count() const { return wait_count_; }
    /// inf or -inf before the first check.
    [[nodiscard]] double best_score() const { return static_cast<double>(best_score_); }
    [[nodiscard]] StoppingReason stopping_reason() const { return reason_; }
    /// Empty when it did not stop.
    [[nodiscard]] const std::optional<std::string>& stopping_reason_message() const { return message_; }

    [[nodiscard]] std::string state_key() const {
        return detail::monitor_key(who, monitor_.name(), options_.mode) + "}";
    }
    [[nodiscard]] Dict state_dict() const {
        return Dict{{"wait_count", wait_count_},
                    {"stopped_epoch", stopped_epoch_},
                    {"best_score", at::scalar_tensor(best_score_, at::kFloat)},
                    {"patience", patience_},
                    {"stopping_reason", static_cast<std::int64_t>(reason_)},
                    {"stopping_reason_message", message_}};
    }
    void load_state_dict(const Dict& state) {
        wait_count_ = state.at("wait_count").to_int();
        stopped_epoch_ = state.at("stopped_epoch").to_int();
        best_score_ = state.at("best_score").tensor().template item<float>();
        patience_ = state.at("patience").to_int();
        const Value* reason = state.find("stopping_reason");
        reason_ =
            reason != nullptr ? static_cast<StoppingReason>(reason->to_int()) : StoppingReason::not_stopped;
        message_.reset();
        if (const Value* message = state.find("stopping_reason_message");
            message != nullptr && !message->is_none()) {
            message_ = message->string();
        }
    }

 private:
    static constexpr std::string_view who = "EarlyStopping";

    struct Verdict {
        bool stop = false;
        std::string text{};
    };

    [[nodiscard]] bool minimizes() const { return options_.mode == Mode::minimize; }
    [[nodiscard]] bool better(float a, float b) const { return is_better(options_.mode, a, b); }

    void check(auto& trainer) {
        if (trainer.stage() != Stage::fit || trainer.sanity_checking() || trainer.fast_dev_run()) {
            return;
        }
        const std::optional<double> value = trainer.find_metric(monitor_.id());
        if (!value) {
            const std::string problem =
                detail::missing_monitor(who, monitor_.name(), trainer.callback_metrics().names());
            if (options_.strict) {
                throw UnknownMetric(problem);
            }
            if (options_.verbose) {
                trainer.warn(problem);
            }
            return;
        }
        Verdict verdict = judge(static_cast<float>(*value));
        if (options_.verbose && !verdict.text.empty()) {
            say(trainer, verdict.text);
        }
        if (trainer.reduce_decision(verdict.stop, false)) {
            stopped_epoch_ = trainer.current_epoch();
            // The text of a rank that goes on is of an improvement, no reason.
            trainer.request_stop(verdict.stop ? verdict.text : "EarlyStopping: another rank asked to stop");
            message_ = verdict.stop ? std::optional(std::move(verdict.text)) : std::nullopt;
        }
    }

    Verdict judge(float current) {
        const std::string& name = monitor_.name();
        const auto text = [](double number) { return detail::python_repr(number); };
        const char* sign = minimizes() ? " < " : " > ";
        if (options_.check_finite && !std::isfinite(current)) {
            reason_ = StoppingReason::non_finite_metric;
            return {true, "Monitored metric " + name + " = " + text(current) +
                              " is not finite. Previous best value was " + three(best_score_) +
                              ". Signaling Trainer to stop."};
        }
        if (options_.stopping_threshold &&
            better(current, static_cast<float>(*options_.stopping_threshold))) {
            reason_ = StoppingReason::stopping_threshold;
            return {true, "Stopping threshold reached: " + name + " = " + text(current) + sign +
                              text(*options_.stopping_threshold) + ". Signaling Trainer to stop."};
        }
        if (options_.divergence_threshold &&
            better(-current, -static_cast<float>(*options_.divergence_threshold))) {
            reason_ = StoppingReason::divergence_threshold;
            return {true, "Divergence threshold reached: " + name + " = " + text(current) +
                              (minimizes() ? " > " : " < ") + text(*options_.divergence_threshold) +
                              ". Signaling Trainer to stop."};
        }
        const float delta = static_cast<float>(minimizes() ? -options_.min_delta : options_.min_delta);
        if (better(current - delta, best_score_)) {
            const bool first = !std::isfinite(best_score_);
            std::string said;
            if (options_.verbose) {
                said = "Metric " + name + " improved" +
                       (first ? ""
                              : " by " + three(std::abs(best_score_ - current)) +
                                    " >= min_delta = " + text(std::abs(options_.min_delta))) +
                       ". New best score: " + three(current);
            }
            best_score_ = current;
            wait_count_ = 0;
            return {false, std::move(said)};
        }
        if (++wait_count_ >= patience_) {
            reason_ = StoppingReason::patience_exhausted;
            return {true, "Monitored metric " + name + " did not improve in the last " +
                              std::to_string(wait_count_) + " records. Best score: " + three(best_score_) +
                              ". Signaling Trainer to stop."};
        }
        return {};
    }
    static std::string three(float number) {
        return detail::FormatSpec{.type = 'f', .precision = 3}(static_cast<double>(number), false);
    }
    void say(auto& trainer, const std::string& text) const {
        if (trainer.world_size() == 1) {
            trainer.print(text);
        } else if (!options_.log_rank_zero_only || trainer.is_global_zero()) {
            std::fprintf(stderr, "[rank: %lld] %s\n", static_cast<long long>(trainer.global_rank()),
                         text.c_str());
        }
    }

    EarlyStoppingOptions options_;
    [[no_unique_address]] detail::MonitorName<Monitor> monitor_;
    std::optional<bool> on_train_epoch_end_;
    std::int64_t patience_;
    std::int64_t wait_count_ = 0;
    std::int64_t stopped_epoch_ = 0;
    float best_score_;
    StoppingReason reason_ = StoppingReason::not_stopped;
    std::optional<std::string> message_;
};

}  // namespace lit
