// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace lit::detail {

template <class Rule>
LIT_INLINE Value EpochSchedule<Rule>::state_dict() const {
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

template <class Rule>
LIT_INLINE void EpochSchedule<Rule>::load_state_dict(const Value& value) {
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

template <class Rule>
LIT_INLINE void EpochSchedule<Rule>::check_groups(std::size_t groups) const {
    const std::size_t known = state_.base_lrs.size();
    const std::string found = std::string(Rule::name) + ": the optimizer has " + std::to_string(groups) +
                              " parameter groups, the schedule was made for " + std::to_string(known) + ". ";
    if (groups < known || known == 0) {
        throw ConfigError(found + "Call initialize(optimizer) once before.");
    }
    ScheduleState next = state_;
    ++next.step_count;
    ++next.last_epoch;
    bool follows = false;
    if constexpr (requires { rule_.needs_base_lr(next); }) {
        follows = !rule_.needs_base_lr(next);
    }
    if (!follows) {
        throw ConfigError(found +
                          "It starts from the rates at the begin, which an added group does not have. Where groups "
                          "are added while training, use a schedule that goes from rate to rate: StepLR, "
                          "ExponentialLR, LinearLR, ConstantLR.");
    }
}

}  // namespace lit::detail
