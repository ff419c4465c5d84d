// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/checkpoint_schedule.hpp>
#include <lit/core/progress.hpp>
#include <lit/loops/trainer_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using lit::ModelCheckpointOptions;
using lit::detail::CheckpointSchedule;

/// A trainer at some moment.
struct Moment {
    std::int64_t step = 0;
    std::int64_t epoch = 0;
    lit::TrainerOptions settings{};
    std::vector<std::int64_t> val_batches{1};
    bool last_batch = false;

    [[nodiscard]] std::int64_t global_step() const { return step; }
    [[nodiscard]] std::int64_t current_epoch() const { return epoch; }
    [[nodiscard]] const lit::TrainerOptions& options() const { return settings; }
    [[nodiscard]] const std::vector<std::int64_t>& num_val_batches() const { return val_batches; }
    [[nodiscard]] static bool is_global_zero() { return true; }
    [[nodiscard]] static bool reduce_decision(bool decision, bool /*all*/) { return decision; }
    [[nodiscard]] lit::FitProgress progress() const {
        lit::FitProgress progress;
        progress.batch.is_last_batch = last_batch;
        return progress;
    }
};

}  // namespace

TEST_SUITE("callbacks/detail/checkpoint_schedule") {
    TEST_CASE("without any trigger it is every epoch; another trigger takes that away") {
        const CheckpointSchedule by_epoch{ModelCheckpointOptions{}};
        CHECK(by_epoch.epoch_due(Moment{.epoch = 0}));
        CHECK(by_epoch.epoch_due(Moment{.epoch = 1}));
        CHECK_FALSE(by_epoch.step_due(Moment{.step = 4}));
        const CheckpointSchedule by_step{ModelCheckpointOptions{.every_n_train_steps = 2}};
        CHECK_FALSE(by_step.epoch_due(Moment{.epoch = 1}));
        CHECK(by_step.step_due(Moment{.step = 4}));
        CHECK_FALSE(by_step.step_due(Moment{.step = 3}));
        const CheckpointSchedule seldom{ModelCheckpointOptions{.every_n_epochs = 3}};
        CHECK_FALSE(seldom.epoch_due(Moment{.epoch = 1}));
        CHECK(seldom.epoch_due(Moment{.epoch = 2}));
        const CheckpointSchedule never{ModelCheckpointOptions{.every_n_epochs = 0}};
        CHECK_FALSE(never.epoch_due(Moment{.epoch = 0}));
    }
    TEST_CASE("the clock comes round once per interval") {
        Moment now;
        CheckpointSchedule always{
            ModelCheckpointOptions{.train_time_interval = std::chrono::milliseconds(0)}};
        always.start_clock();
        CHECK(always.time_due(now));
        CHECK(always.time_due(now));
        CheckpointSchedule later{ModelCheckpointOptions{.train_time_interval = std::chrono::hours(1)}};
        later.start_clock();
        CHECK_FALSE(later.time_due(now));
        CheckpointSchedule none{ModelCheckpointOptions{}};
        CHECK_FALSE(none.time_due(now));
    }
    TEST_CASE(
        "comes at the epoch's end when there is one validation per epoch or none, else after validations") {
        const CheckpointSchedule schedule{ModelCheckpointOptions{}};
        const auto at_end = [&](lit::TrainerOptions options, std::vector<std::int64_t> batches) {
            return schedule.on_train_epoch_end(Moment{.settings = options, .val_batches = batches});
        };
        CHECK(at_end({}, {1}));
        CHECK_FALSE(at_end({.val_check_interval = 0.5}, {1}));
        CHECK(at_end({.val_check_interval = 0.5}, {}));
        CHECK(at_end({.val_check_interval = 0.5}, {0, 0}));
        CHECK_FALSE(at_end({.check_val_every_n_epoch = 2}, {1}));
        CHECK_FALSE(at_end({.val_check_interval = std::chrono::hours(1)}, {}));
        const CheckpointSchedule told{ModelCheckpointOptions{.save_on_train_epoch_end = false}};
        CHECK_FALSE(told.on_train_epoch_end(Moment{}));
    }
    TEST_CASE("a validation follows on the last batch of an epoch that validates") {
        const CheckpointSchedule schedule{ModelCheckpointOptions{.save_on_train_epoch_end = false}};
        CHECK(schedule.validation_follows(Moment{.last_batch = true}));
        CHECK_FALSE(schedule.validation_follows(Moment{.last_batch = false}));
        CHECK_FALSE(schedule.validation_follows(Moment{.val_batches = {}, .last_batch = true}));
        const lit::TrainerOptions seldom{.check_val_every_n_epoch = 2};
        CHECK_FALSE(schedule.validation_follows(Moment{.epoch = 0, .settings = seldom, .last_batch = true}));
        CHECK(schedule.validation_follows(Moment{.epoch = 1, .settings = seldom, .last_batch = true}));
    }
    TEST_CASE("its part of the state's key is Lightning's") {
        CHECK(CheckpointSchedule(ModelCheckpointOptions{}).key() ==
              "'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None");
        CHECK(CheckpointSchedule(ModelCheckpointOptions{.train_time_interval = std::chrono::minutes(1)})
                  .key() ==
              "'every_n_train_steps': 0, 'every_n_epochs': 0, 'train_time_interval': "
              "datetime.timedelta(seconds=60)");
    }
}
