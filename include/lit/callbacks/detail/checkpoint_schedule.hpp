// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/monitor.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/callbacks/model_checkpoint_options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace lit::detail {

/// When a ModelCheckpoint's turn comes: by steps, by the clock or by epochs, and before or after validation.
class CheckpointSchedule {
 public:
    explicit CheckpointSchedule(const ModelCheckpointOptions& options)
        : interval_(options.train_time_interval), on_train_epoch_end_(options.save_on_train_epoch_end) {
        const bool none = !options.every_n_train_steps && !options.every_n_epochs && !interval_;
        every_n_epochs_ = options.every_n_epochs.value_or(none ? 1 : 0);
        every_n_steps_ = options.every_n_train_steps.value_or(0);
    }

    void start_clock() { last_time_ = Clock::now(); }
    [[nodiscard]] bool step_due(const auto& trainer) const {
        return every_n_steps_ >= 1 && trainer.global_step() % every_n_steps_ == 0;
    }
    [[nodiscard]] bool epoch_due(const auto& trainer) const {
        return every_n_epochs_ >= 1 && (trainer.current_epoch() + 1) % every_n_epochs_ == 0;
    }
    [[nodiscard]] bool time_due(auto& trainer) {
        if (!interval_) {
            return false;
        }
        const Clock::time_point now = Clock::now();
        // Clocks differ: rank 0 decides.
        const bool due =
            trainer.reduce_decision(trainer.is_global_zero() && now - last_time_ >= *interval_, false);
        if (due) {
            last_time_ = now;
        }
        return due;
    }
    /// Else after validations.
    [[nodiscard]] bool on_train_epoch_end(const auto& trainer) const {
        if (on_train_epoch_end_) {
            return *on_train_epoch_end_;
        }
        const auto& options = trainer.options();
        if ((options.val_check_interval && options.val_check_interval->time()) ||
            options.check_val_every_n_epoch != 1) {
            return false;
        }
        return !validates(trainer) || validates_once_per_epoch(options);
    }
    /// Whether a validation follows on this batch, after which this callback's turn would come.
    [[nodiscard]] bool validation_follows(const auto& trainer) const {
        const auto every = trainer.options().check_val_every_n_epoch;
        return !on_train_epoch_end(trainer) && trainer.progress().batch.is_last_batch && validates(trainer) &&
               (!every || (trainer.current_epoch() + 1) % *every == 0);
    }
    /// The end of the state key, as Python writes it.
    [[nodiscard]] std::string key() const {
        return "'every_n_train_steps': " + std::to_string(every_n_steps_) +
               ", 'every_n_epochs': " + std::to_string(every_n_epochs_) +
               ", 'train_time_interval': " + (interval_ ? python_repr(*interval_) : "None");
    }

 private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] static bool validates(const auto& trainer) {
        return std::ranges::any_of(trainer.num_val_batches(),
                                   [](std::int64_t batches) { return batches != 0; });
    }

    std::int64_t every_n_steps_ = 0;
    std::int64_t every_n_epochs_ = 0;
    std::optional<std::chrono::milliseconds> interval_;
    std::optional<bool> on_train_epoch_end_;
    Clock::time_point last_time_{};
};

}  // namespace lit::detail
