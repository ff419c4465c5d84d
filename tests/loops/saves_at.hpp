// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>

#include <cstdint>
#include <filesystem>

namespace probe {

/// Saves a checkpoint at the end of a step's batch, or of an epoch of training or of validation.
struct SavesAt {
    using Role = lit::role::checkpoint;
    std::filesystem::path path;
    std::int64_t step = -1, epoch_end = -1, val_end = -1;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        at(trainer, trainer.global_step(), step);
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) const {
        at(trainer, trainer.current_epoch(), epoch_end);
    }
    void on_validation_end(auto& trainer, auto& /*module*/) const {
        if (!trainer.sanity_checking()) {
            at(trainer, trainer.current_epoch(), val_end);
        }
    }
    void at(auto& trainer, std::int64_t now, std::int64_t asked) const {
        if (now == asked) {
            trainer.save_checkpoint(path);
        }
    }
};

}  // namespace probe
