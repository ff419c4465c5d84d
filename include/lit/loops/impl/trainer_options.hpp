// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/limit.hpp>
#include <lit/loops/trainer_options.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace lit {

LIT_INLINE void TrainerOptions::check() const {
    limit_train_batches.check("limit_train_batches");
    limit_val_batches.check("limit_val_batches");
    limit_test_batches.check("limit_test_batches");
    limit_predict_batches.check("limit_predict_batches");
    overfit_batches.check("overfit_batches");
    require(fast_dev_run >= 0, "fast_dev_run", fast_dev_run, "0, or the number of batches to try");
    require(max_epochs.value_or(0) >= -1, "max_epochs", max_epochs.value_or(0), "-1 (no end) or more");
    require(max_steps >= -1, "max_steps", max_steps, "-1 (no end) or more");
    require(min_epochs.value_or(0) >= 0, "min_epochs", min_epochs.value_or(0), "0 or more");
    require(min_steps.value_or(0) >= 0, "min_steps", min_steps.value_or(0), "0 or more");
    require(num_sanity_val_steps >= -1, "num_sanity_val_steps", num_sanity_val_steps, "-1 (all), 0 (off) or more");
    require(log_every_n_steps >= 0, "log_every_n_steps", log_every_n_steps, "0 (never) or more");
    require(reload_dataloaders_every_n_epochs >= 0, "reload_dataloaders_every_n_epochs",
            reload_dataloaders_every_n_epochs, "0 (never) or more");
    require(check_val_every_n_epoch.value_or(1) >= 1, "check_val_every_n_epoch",
            check_val_every_n_epoch.value_or(1), "1 or more, or std::nullopt to count batches over all epochs");
    if (max_time && max_time->is_negative()) {
        throw ConfigError("TrainerOptions: max_time is negative. It is a duration, for instance std::chrono::hours{4}.");
    }
    if (val_check_interval && !val_check_interval->time()) {
        const Limit& every = val_check_interval->batches();
        every.check("val_check_interval");
        require(!every.is_count() || every.count() >= 1, "val_check_interval", every.count(),
                "a fraction of the epoch, or 1 batch or more. To switch validation off set limit_val_batches = 0");
        if (!check_val_every_n_epoch && !every.is_count()) {
            throw ConfigError("TrainerOptions: val_check_interval = " + every.text() +
                              " is a fraction of an epoch, but check_val_every_n_epoch is none, so batches are "
                              "counted over all epochs. Give a whole number of batches.");
        }
    }
}

LIT_INLINE TrainerOptions TrainerOptions::resolved() const {
    TrainerOptions all = *this;
    if (fast_dev_run > 0) {
        all.limit_train_batches = all.limit_val_batches = Limit(fast_dev_run);
        all.limit_test_batches = all.limit_predict_batches = Limit(fast_dev_run);
        all.max_steps = fast_dev_run;
        all.max_epochs = 1;
        all.num_sanity_val_steps = 0;
        all.val_check_interval.reset();
        all.check_val_every_n_epoch = 1;
    }
    if (!overfit_batches.is_zero()) {
        all.limit_train_batches = all.limit_val_batches = overfit_batches;
    }
    return all;
}

LIT_INLINE void TrainerOptions::require(bool fine, std::string_view name, std::int64_t found, std::string_view expected) {
    if (!fine) {
        throw ConfigError("TrainerOptions: " + std::string(name) + " = " + std::to_string(found) +
                          ", expected " + std::string(expected) + ".");
    }
}

}  // namespace lit
