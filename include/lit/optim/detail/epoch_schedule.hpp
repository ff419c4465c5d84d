// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

/// Where a schedule stands; what a rule may look at.
struct ScheduleState {
    std::vector<double> base_lrs;
    std::int64_t last_epoch = -1;
    std::int64_t step_count = 0;
    bool is_initial = false;
    std::vector<double> last_lr;
};

/// `torch.optim.lr_scheduler.LRScheduler` without a pointer to the optimizer.
///
/// A `Rule` gives `name`, `check()`, `next(lr, base_lr, state)`, `pack()` (its settings, in Python's order),
/// `pack_last(dict, state)` if Python's `state_dict` appends more,
/// and `unpack(dict)`. The rates follow Python's recursive
/// arithmetic, operation by operation, so that they stay bit-equal.
///
/// A group that is added while training has no base rate, as in Python. It takes part in those steps for which the rule
/// says `needs_base_lr(state)` = false; in another step, and with a rule that does not say, it is an error.
template <class Rule>
class EpochSchedule {
 public:
    explicit EpochSchedule(Rule rule) : rule_(std::move(rule)) {}

    void initialize(auto& optimizer) { initialize(optimizer, {}); }
    /// `first`: the rates before any scheduler, of an optimizer that does not keep them.
    template <class O>
    void initialize(O& optimizer, const std::vector<double>& first) {
        state_ = ScheduleState{};
        for (std::size_t group = 0; group < group_count(optimizer); ++group) {
            record_initial_learning_rate(optimizer, group);
            const bool kept = keeps_initial_learning_rate<O> || first.empty();
            state_.base_lrs.push_back(kept ? initial_learning_rate(optimizer, group) : first.at(group));
        }
        state_.is_initial = true;
        step(optimizer);
        state_.is_initial = false;
    }

    void step(auto& optimizer) {
        const std::size_t groups = group_count(optimizer);
        if (groups != state_.base_lrs.size()) {
            check_groups(groups);
        }
        ++state_.step_count;
        ++state_.last_epoch;
        state_.last_lr.resize(groups);
        for (std::size_t group = 0; group < groups; ++group) {
            const double base = group < state_.base_lrs.size() ? state_.base_lrs[group]
                                                               : std::numeric_limits<double>::quiet_NaN();
            const double lr = rule_.next(learning_rate(optimizer, group), base, state_);
            set_learning_rate(optimizer, group, lr);
            state_.last_lr[group] = lr;
        }
    }

    [[nodiscard]] const std::vector<double>& last_lr() const { return state_.last_lr; }
    [[nodiscard]] std::int64_t last_epoch() const { return state_.last_epoch; }
    [[nodiscard]] static constexpr std::string_view name() { return Rule::name; }

    [[nodiscard]] Value state_dict() const;

    /// Takes up settings too, as Python does.
    void load_state_dict(const Value& value);

 private:
    /// Errors  ConfigError where the next step cannot be taken with another number of groups than at the begin.
    void check_groups(std::size_t groups) const;

    Rule rule_;
    ScheduleState state_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/epoch_schedule.hpp>
#endif
