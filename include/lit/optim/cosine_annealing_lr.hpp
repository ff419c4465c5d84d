// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/scheduler.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace lit {

struct CosineAnnealingLROptions {
    std::int64_t t_max = 0;  ///< steps from the full rate to `eta_min`; has no default
    double eta_min = 0.0;    ///< smallest rate
};

namespace detail {

struct CosineAnnealingLRRule {
    static constexpr std::string_view name = "CosineAnnealingLR";
    CosineAnnealingLROptions options;

    void check() const;
    [[nodiscard]] Dict pack() const;
    void unpack(const Dict& saved);
    [[nodiscard]] bool needs_base_lr(const ScheduleState& state) const {
        return !state.is_initial && ((state.step_count == 1 && state.last_epoch > 0) ||
                                     (state.last_epoch - 1 - options.t_max) % (2 * options.t_max) == 0);
    }
    [[nodiscard]] double next(double lr, double base_lr, const ScheduleState& state) const {
        constexpr double pi = std::numbers::pi;
        const auto period = static_cast<double>(options.t_max);
        const auto epoch = static_cast<double>(state.last_epoch);
        const double low = options.eta_min;
        if (state.is_initial) {
            return lr;
        }
        if (state.step_count == 1 && state.last_epoch > 0) {
            return low + (base_lr - low) * (1 + std::cos(epoch * pi / period)) / 2;
        }
        if ((state.last_epoch - 1 - options.t_max) % (2 * options.t_max) == 0) {
            return lr + (base_lr - low) * (1 - std::cos(pi / period)) / 2;
        }
        return (1 + std::cos(pi * epoch / period)) / (1 + std::cos(pi * (epoch - 1) / period)) * (lr - low) +
               low;
    }
};

#if defined(LIT_COMPILED)
extern template class EpochSchedule<CosineAnnealingLRRule>;
#endif

}  // namespace detail

/// Lowers the rate along half a cosine over `t_max` steps, and raises it again after:
/// `lit::CosineAnnealingLR{{.t_max = 100}}`.
///
/// Errors  ConfigError on construction: t_max < 1.
/// Source  `torch.optim.lr_scheduler.CosineAnnealingLR`; rates are bit-equal to its recursive ones.
class CosineAnnealingLR : public detail::EpochSchedule<detail::CosineAnnealingLRRule> {
 public:
    explicit CosineAnnealingLR(CosineAnnealingLROptions options) : EpochSchedule(checked({options})) {}

 private:
    static detail::CosineAnnealingLRRule checked(detail::CosineAnnealingLRRule rule) {
        rule.check();
        return rule;
    }
};
static_assert(LRSchedulerPolicy<CosineAnnealingLR>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/cosine_annealing_lr.hpp>
#endif
