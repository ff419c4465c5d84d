// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/scheduler.hpp>

#include <cstdint>
#include <string_view>

namespace lit {

struct ConstantLROptions {
    double factor = 1.0 / 3;  ///< of the rate, until `total_iters` steps are done
    std::int64_t total_iters = 5;
};

namespace detail {

struct ConstantLRRule {
    static constexpr std::string_view name = "ConstantLR";
    ConstantLROptions options;

    void check() const;
    [[nodiscard]] Dict pack() const;
    void unpack(const Dict& saved);
    /// Of an added group: this rule goes from rate to rate.
    static constexpr bool needs_base_lr(const ScheduleState& /*state*/) { return false; }
    [[nodiscard]] double next(double lr, double /*base_lr*/, const ScheduleState& state) const {
        if (state.last_epoch == 0) {
            return lr * options.factor;
        }
        return state.last_epoch != options.total_iters ? lr : lr * (1.0 / options.factor);
    }
};

#if defined(LIT_COMPILED)
extern template class EpochSchedule<ConstantLRRule>;
#endif

}  // namespace detail

/// Holds the rate at `factor` of itself for the first `total_iters` steps.
///
/// Errors  ConfigError on construction: factor not in (0, 1] (Python allows 0, from which the rate never
///         returns).
/// Source  `torch.optim.lr_scheduler.ConstantLR`; rates are bit-equal to its recursive ones.
class ConstantLR : public detail::EpochSchedule<detail::ConstantLRRule> {
 public:
    explicit ConstantLR(ConstantLROptions options = {}) : EpochSchedule(checked({options})) {}

 private:
    static detail::ConstantLRRule checked(detail::ConstantLRRule rule) {
        rule.check();
        return rule;
    }
};
static_assert(LRSchedulerPolicy<ConstantLR>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/constant_lr.hpp>
#endif
