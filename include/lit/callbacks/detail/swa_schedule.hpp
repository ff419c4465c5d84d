// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/scheduler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lit {

/// How a rate goes over into the one of weight averaging.
enum class AnnealingStrategy : std::uint8_t { cos, linear };

namespace detail {

/// `torch.optim.swa_utils.SWALR`: from the rate that there is to `swa_lr` in so many steps, and on with that.
///
/// The rates follow Python's recursive arithmetic, operation by operation, so that they stay bit-equal.
class SwaSchedule {
 public:
    SwaSchedule(std::vector<double> swa_lrs, std::int64_t anneal_epochs, AnnealingStrategy strategy,
                std::int64_t last_epoch)
        : swa_lrs_(std::move(swa_lrs)),
          base_lrs_(swa_lrs_),
          anneal_epochs_(anneal_epochs),
          strategy_(strategy),
          last_epoch_(last_epoch) {}

    void initialize(auto& optimizer) { step(optimizer); }
    void step(auto& optimizer) {
        const std::size_t groups = group_count(optimizer);
        if (groups != swa_lrs_.size()) {
            throw ConfigError("StochasticWeightAveraging: swa_lrs has " + std::to_string(swa_lrs_.size()) +
                              " rates, the optimizer " + std::to_string(groups) +
                              " parameter groups. Give one rate for all, or one for each group.");
        }
        ++step_count_;
        ++last_epoch_;
        const std::int64_t step =
            anneal_epochs_ == 0 ? std::max<std::int64_t>(1, step_count_ - 1) : step_count_ - 1;
        const double before = share(step - 1);
        const double now = share(step);
        last_lr_.resize(groups);
        for (std::size_t group = 0; group < groups; ++group) {
            const double target = swa_lrs_[group];
            const double lr = learning_rate(optimizer, group);
            const double start = before == 1.0 ? target : (lr - before * target) / (1 - before);
            last_lr_[group] = target * now + start * (1 - now);
            set_learning_rate(optimizer, group, last_lr_[group]);
        }
    }

    [[nodiscard]] const std::vector<double>& last_lr() const { return last_lr_; }
    /// Python's `swa_lr` of the parameter groups.
    [[nodiscard]] const std::vector<double>& swa_lrs() const { return swa_lrs_; }
    [[nodiscard]] Value state_dict() const;
    /// Takes up settings too, as Python does; the rates that are aimed at stay.
    void load_state_dict(const Value& value);

 private:
    static void read(const Value& list, std::vector<double>& into);
    /// Which share of the way is behind after so many steps.
    [[nodiscard]] double share(std::int64_t step) const;

    std::vector<double> swa_lrs_;
    std::vector<double> base_lrs_;
    std::vector<double> last_lr_{};
    std::int64_t anneal_epochs_;
    AnnealingStrategy strategy_;
    std::int64_t last_epoch_;
    std::int64_t step_count_ = 0;
};
static_assert(LRSchedulerPolicy<SwaSchedule>);

}  // namespace detail
}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/swa_schedule.hpp>
#endif
