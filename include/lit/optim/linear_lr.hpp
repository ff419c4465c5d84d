// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/scheduler.hpp>

#include <cstdint>
#include <string_view>

namespace lit {

struct LinearLROptions {
    double start_factor = 1.0 / 3;
    double end_factor = 1.0;
    std::int64_t total_iters = 5;  ///< steps from the first factor to the last
};

namespace detail {

struct LinearLRRule {
    static constexpr std::string_view name = "LinearLR";
    LinearLROptions options;

    void check() const;
    [[nodiscard]] Dict pack() const;
    void unpack(const Dict& saved);
    /// Of an added group: this rule goes from rate to rate.
    static constexpr bool needs_base_lr(const ScheduleState& /*state*/) { return false; }
    [[nodiscard]] double next(double lr, double /*base_lr*/, const ScheduleState& state) const {
        if (state.last_epoch == 0) {
            return lr * options.start_factor;
        }
        if (state.is_initial || state.last_epoch > options.total_iters) {
            return lr;
        }
        const double rise = options.end_factor - options.start_factor;
        const auto total = static_cast<double>(options.total_iters);
        const auto before = static_cast<double>(state.last_epoch - 1);
        return lr * (1.0 + rise / (total * options.start_factor + before * rise));
    }
};

#if defined(LIT_COMPILED)
extern template class EpochSchedule<LinearLRRule>;
#endif

}  // namespace detail

/// Takes the rate in a straight line from `start_factor` to `end_factor` of itself: the linear warm-up.
///
/// Errors  ConfigError on construction: start_factor not in (0, 1], end_factor not in [0, 1].
/// Source  `torch.optim.lr_scheduler.LinearLR`; rates are bit-equal to its recursive ones.
class LinearLR : public detail::EpochSchedule<detail::LinearLRRule> {
 public:
    explicit LinearLR(LinearLROptions options = {}) : EpochSchedule(checked({options})) {}

 private:
    static detail::LinearLRRule checked(detail::LinearLRRule rule) {
        rule.check();
        return rule;
    }
};
static_assert(LRSchedulerPolicy<LinearLR>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/linear_lr.hpp>
#endif
