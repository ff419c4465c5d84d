// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
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

    void check() const;
    [[nodiscard]] Dict pack() const;
    void unpack(const Dict& saved);
    /// Of an added group: this rule goes from rate to rate.
    static constexpr bool needs_base_lr(const ScheduleState& /*state*/) { return false; }
    [[nodiscard]] double next(double lr, double /*base_lr*/, const ScheduleState& state) const {
        return state.is_initial ? lr : lr * options.gamma;
    }
};

#if defined(LIT_COMPILED)
extern template class EpochSchedule<ExponentialLRRule>;
#endif

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

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/exponential_lr.hpp>
#endif
