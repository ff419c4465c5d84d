// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/scheduler.hpp>

#include <cstdint>
#include <string_view>

namespace lit {

struct StepLROptions {
    std::int64_t step_size = 0;  ///< steps between two changes; has no default
    double gamma = 0.1;          ///< factor of a change
};

namespace detail {

struct StepLRRule {
    static constexpr std::string_view name = "StepLR";
    StepLROptions options;

    void check() const;
    [[nodiscard]] Dict pack() const;
    void unpack(const Dict& saved);
    /// Of an added group: this rule goes from rate to rate.
    static constexpr bool needs_base_lr(const ScheduleState& /*state*/) { return false; }
    [[nodiscard]] double next(double lr, double /*base_lr*/, const ScheduleState& state) const {
        return state.last_epoch == 0 || state.last_epoch % options.step_size != 0 ? lr : lr * options.gamma;
    }
};

#if defined(LIT_COMPILED)
extern template class EpochSchedule<StepLRRule>;
#endif

}  // namespace detail

/// Multiplies the rate by `gamma` every `step_size` steps: `lit::StepLR{{.step_size = 30, .gamma = 0.1}}`.
///
/// Errors  ConfigError on construction: step_size < 1.
/// Source  `torch.optim.lr_scheduler.StepLR`; rates are bit-equal to its recursive ones.
class StepLR : public detail::EpochSchedule<detail::StepLRRule> {
 public:
    explicit StepLR(StepLROptions options) : EpochSchedule(checked({options})) {}

 private:
    static detail::StepLRRule checked(detail::StepLRRule rule) {
        rule.check();
        return rule;
    }
};
static_assert(LRSchedulerPolicy<StepLR>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/step_lr.hpp>
#endif
