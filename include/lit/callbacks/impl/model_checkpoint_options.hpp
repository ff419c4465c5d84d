// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/model_checkpoint_options.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <string>

namespace lit {

LIT_INLINE void ModelCheckpointOptions::check(bool monitors) const {
    const auto refuse = [](const std::string& found, const std::string& expected) {
        throw ConfigError("ModelCheckpoint: " + found + ". " + expected);
    };
    if (save_top_k < -1) {
        refuse("save_top_k = " + std::to_string(save_top_k), "Expected -1 (all), 0 (none) or more.");
    }
    if (every_n_train_steps.value_or(0) < 0 || every_n_epochs.value_or(0) < 0) {
        refuse("every_n_train_steps = " + std::to_string(every_n_train_steps.value_or(0)) +
                   ", every_n_epochs = " + std::to_string(every_n_epochs.value_or(0)),
               "Expected 0 (never) or more.");
    }
    if (train_time_interval && train_time_interval->count() < 0) {
        refuse("train_time_interval is negative",
               "Expected a duration, for instance std::chrono::minutes{30}.");
    }
    const int triggers = (every_n_train_steps.value_or(0) >= 1 ? 1 : 0) +
                         (every_n_epochs.value_or(0) >= 1 ? 1 : 0) + (train_time_interval ? 1 : 0);
    if (triggers > 1) {
        refuse("more than one of every_n_train_steps, every_n_epochs and train_time_interval is given",
               "Give one, or use several ModelCheckpoints.");
    }
    if (!monitors && save_top_k > 1) {
        refuse("save_top_k = " + std::to_string(save_top_k) + " without a monitor",
               "There is nothing to rank by: name a value, ModelCheckpoint<\"val_loss\">, or use -1, 0 "
               "or 1.");
    }
}

}  // namespace lit
