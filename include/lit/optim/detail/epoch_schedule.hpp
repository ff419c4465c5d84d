// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/optimizer.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

inline void take(const Dict& saved, std::string_view key, std::int64_t& target) {
    if (const Value* found = saved.find(key)) {
        target = found->to_int();
    }
}

inline Value list_of(const std::vector<double>& numbers) { return List(numbers.begin(), numbers.end()); }

inline void take(const Dict& saved, std::string_view key, std::vector<double>& target) {
    if (const Value* found = saved.find(key)) {
        target.clear();
        for (const Value& item : found->items()) {
            target.push_back(number_of(item));
        }
    }
}

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

    void initialize(auto& optimizer) {
        state_ = ScheduleState{};
        for (std::size_t group = 0; group < group_count(optimizer); ++group) {
            record_initial_learning_rate(optimizer, group);
            state_.base_lrs.push_back(initial_learning_rate(optimizer, group));
        }
        state_.is_initial = true;
        step(optimizer);
        state_.is_initial = false;
    }

    void step(auto& optimizer) {
        const std::size_t groups = group_count(optimizer);
        ++state_.step_count;
        ++state_.last_epoch;
        check_groups(groups);
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

    [[nodiscard]] Value state_dict() const {
        Dict saved = rule_.pack();
        saved.set("base_lrs", list_of(state_.base_lrs));
        saved.set("last_epoch", state_.last_epoch);
        saved.set("_step_count", state_.step_count);
        saved.set("_is_initial", false);
        saved.set("_get_lr_called_within_step", false);
        saved.set("_last_lr", list_of(state_.last_lr));
        if constexpr (requires { rule_.pack_last(saved, state_); }) {
            rule_.pack_last(saved, state_);
        }
        return saved;
    }

    /// Takes up settings too, as Python does.
    void load_state_dict(const Value& value) {
        const Dict& saved = value.dict();
        Rule rule = rule_;
        ScheduleState state = state_;
        rule.unpack(saved);
        rule.check();
        take(saved, "base_lrs", state.base_lrs);
        take(saved, "last_epoch", state.last_epoch);
        take(saved, "_step_count", state.step_count);
        take(saved, "_last_lr", state.last_lr);
        if (!state_.base_lrs.empty() && state.base_lrs.size() != state_.base_lrs.size()) {
            throw CheckpointError(std::string(Rule::name) + ": the file has " +
                                  std::to_string(state.base_lrs.size()) + " base_lrs, the optimizer " +
                                  std::to_string(state_.base_lrs.size()) + " parameter groups.");
        }
        rule_ = std::move(rule);
        state_ = std::move(state);
    }

 private:
    void check_groups(std::size_t groups) const {
        const std::size_t known = state_.base_lrs.size();
        if (groups == known) {
            return;
        }
        const std::string found = std::string(Rule::name) + ": the optimizer has " + std::to_string(groups) +
                                  " parameter groups, the schedule was made for " + std::to_string(known) + ". ";
        if (groups < known || known == 0) {
            throw ConfigError(found + "Call initialize(optimizer) once before.");
        }
        bool follows = false;
        if constexpr (requires { Rule::needs_base_lr(state_); }) {
            follows = !Rule::needs_base_lr(state_);
        } else if constexpr (requires { rule_.needs_base_lr(state_); }) {
            follows = !rule_.needs_base_lr(state_);
        }
        if (!follows) {
            throw ConfigError(found +
                              "It starts from the rates at the begin, which an added group does not have. Where groups "
                              "are added while training, use a schedule that goes from rate to rate: StepLR, "
                              "ExponentialLR, LinearLR, ConstantLR.");
        }
    }

    Rule rule_;
    ScheduleState state_;
};

}  // namespace lit::detail
