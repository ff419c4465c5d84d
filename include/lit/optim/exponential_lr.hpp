// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/scheduler.hpp>

#include <string_view>

namespace lit {

struct ExponentialLROptions {
    double gamma = 1.0;  ///< factor of every step; has no default in Python
};

namespace detail {

struct ExponentialLRRule {
    static constexpr std::string_view name = "ExponentialLR";
    ExponentialLROptions options;

    void check() const { require_option(options.gamma >= 0.0, name, "gamma", options.gamma, "0 or more"); }
    [[nodiscard]] Dict pack() const { return {{"gamma", options.gamma}}; }
    void unpack(const Dict& saved) { take(saved, "gamma", options.gamma); }
    /// Of an added group: this rule goes from rate to rate.
    static constexpr bool needs_base_lr(const ScheduleState& /*state*/) { return false; }
    [[nodiscard]] double next(double lr, double /*base_lr*/, const ScheduleState& state) const {
        return state.is_initial ? lr : lr * options.gamma;
    }
};

}  // namespace detail

/// Multiplies the rate by `gamma` in every step: `lit::ExponentialLR{{.gamma = 0.95}}`.
///
/// Errors  ConfigError on construction: gamma < 0.
/// Source  `torch.optim.lr_scheduler.ExponentialLR`; rates are bit-equal to its recursive ones.
class ExponentialLR : public detail::EpochSchedule<detail::ExponentialLRRule> {
 public:
    explicit ExponentialLR(ExponentialLROptions options) : EpochSchedule(checked({options})) {}

 private:
    static detail::ExponentialLRRule checked(detail::ExponentialLRRule rule) {
        rule.check();
        return rule;
    }
};
static_assert(LRSchedulerPolicy<ExponentialLR>);

}  // namespace lit
