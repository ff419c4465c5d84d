// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>

#include <string>
#include <utility>

namespace lit {

LIT_INLINE Value ReduceLROnPlateau::state_dict() const {
    return Dict{{"factor", options_.factor},
                {"default_min_lr", several_min_lrs_ ? Value() : Value(options_.min_lr)},
                {"min_lrs", detail::list_of(min_lrs_)},
                {"patience", options_.patience},
                {"cooldown", options_.cooldown},
                {"eps", options_.eps},
                {"last_epoch", last_epoch_},
                {"_last_lr", detail::list_of(last_lr_)},
                {"mode_worse", worst()},
                {"mode", python_name(options_.mode)},
                {"threshold", options_.threshold},
                {"threshold_mode", options_.threshold_mode == ThresholdMode::rel ? "rel" : "abs"},
                {"best", best_},
                {"cooldown_counter", cooldown_counter_},
                {"num_bad_epochs", num_bad_epochs_}};
}

LIT_INLINE void ReduceLROnPlateau::load_state_dict(const Value& value) {
    const Dict& saved = value.dict();
    ReduceLROnPlateau loaded = *this;
    auto& o = loaded.options_;
    detail::take(saved, "factor", o.factor);
    if (const Value* one = saved.find("default_min_lr")) {
        loaded.several_min_lrs_ = one->is_none();
    }
    detail::take(saved, "default_min_lr", o.min_lr);
    detail::take(saved, "min_lrs", loaded.min_lrs_);
    detail::take(saved, "patience", o.patience);
    detail::take(saved, "cooldown", o.cooldown);
    detail::take(saved, "eps", o.eps);
    detail::take(saved, "last_epoch", loaded.last_epoch_);
    detail::take(saved, "_last_lr", loaded.last_lr_);
    if (const Value* mode = saved.find("mode")) {
        o.mode = mode->equals("max") ? Mode::maximize : Mode::minimize;
    }
    detail::take(saved, "threshold", o.threshold);
    if (const Value* mode = saved.find("threshold_mode")) {
        o.threshold_mode = mode->equals("abs") ? ThresholdMode::abs : ThresholdMode::rel;
    }
    detail::take(saved, "best", loaded.best_);
    detail::take(saved, "cooldown_counter", loaded.cooldown_counter_);
    detail::take(saved, "num_bad_epochs", loaded.num_bad_epochs_);
    loaded.check();
    // More of them than at the begin: groups were added while training.
    if (loaded.min_lrs_.size() < min_lrs_.size()) {
        throw CheckpointError("ReduceLROnPlateau: the file has " +
                              std::to_string(loaded.min_lrs_.size()) + " min_lrs, the optimizer " +
                              std::to_string(min_lrs_.size()) + " parameter groups.");
    }
    *this = std::move(loaded);
}

LIT_INLINE void ReduceLROnPlateau::check() const {
    detail::require_option(options_.factor < 1.0, name(), "factor", options_.factor, "below 1");
}

}  // namespace lit
