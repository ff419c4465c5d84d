// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/swa_schedule.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace lit::detail {

LIT_INLINE Value SwaSchedule::state_dict() const {
    return Dict{{"_anneal_strategy", strategy_ == AnnealingStrategy::cos ? "cos" : "linear"},
                {"anneal_epochs", anneal_epochs_},
                {"base_lrs", List(base_lrs_.begin(), base_lrs_.end())},
                {"last_epoch", last_epoch_},
                {"_step_count", step_count_},
                {"_is_initial", false},
                {"_get_lr_called_within_step", false},
                {"_last_lr", List(last_lr_.begin(), last_lr_.end())}};
}

LIT_INLINE void SwaSchedule::load_state_dict(const Value& value) {
    const Dict& saved = value.dict();
    strategy_ = saved.at("_anneal_strategy").equals("linear") ? AnnealingStrategy::linear
                                                              : AnnealingStrategy::cos;
    anneal_epochs_ = saved.at("anneal_epochs").to_int();
    last_epoch_ = saved.at("last_epoch").to_int();
    step_count_ = saved.at("_step_count").to_int();
    read(saved.at("base_lrs"), base_lrs_);
    read(saved.at("_last_lr"), last_lr_);
}

LIT_INLINE void SwaSchedule::read(const Value& list, std::vector<double>& into) {
    into.clear();
    for (const Value& number : list.items()) {
        into.push_back(number.to_double());
    }
}

LIT_INLINE double SwaSchedule::share(std::int64_t step) const {
    const double t = std::clamp(
        static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, anneal_epochs_)), 0.0,
        1.0);
    return strategy_ == AnnealingStrategy::linear ? t : (1 - std::cos(std::numbers::pi * t)) / 2;
}

}  // namespace lit::detail
