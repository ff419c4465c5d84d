// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/training_epoch_loop.hpp>

#include <lit/strategies/ddp.hpp>

#include "collectives/thread_ranks.hpp"
#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace {

using Options = lit::TrainerOptions;
using Steps = std::vector<std::int64_t>;

/// The global step of each validation that is no sanity check.
struct Validations {
    Steps* steps;
    void on_validation_start(auto& trainer, auto&) {
        if (!trainer.sanity_checking()) {
            steps->push_back(trainer.global_step());
        }
    }
};
/// Asks to stop after so many steps.
struct StopAt {
    std::int64_t step;
    void on_train_batch_end(auto& trainer, auto&) {
        if (trainer.global_step() == step) {
            trainer.request_stop();
        }
    }
};

/// A loader that does not know its size.
struct Stream {
    std::vector<at::Tensor> all;
    [[nodiscard]] auto begin() const { return all.begin(); }
    [[nodiscard]] auto end() const { return all.end(); }
};
static_assert(lit::LoaderPolicy<Stream> && !lit::SizedLoader<Stream>);

template <class Train>
Steps validations(const Options& options, Train train, std::int64_t stop_at = -1) {
    Steps steps;
    probe::Line module;
    auto val = probe::batches(1);
    auto trainer = probe::trainer(options, Validations{&steps}, StopAt{stop_at});
    trainer.fit(module, train, val);
    return steps;
}

struct Skipper : probe::LineBase<Skipper> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) {}
    lit::Next on_train_batch_start(const at::Tensor&, std::int64_t batch_idx) {
        return batch_idx == 2 ? lit::Next::skip_epoch : lit::Next::go_on;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};
struct Ends {
    std::int64_t* batches;
    std::int64_t* epochs;
    void on_train_batch_end(auto&, auto&) { ++*batches; }
    void on_train_epoch_end(auto&, auto&) { ++*epochs; }
};

using Where = std::array<std::int64_t, 3>;  // epoch, global step, closed windows
struct Counters {
    std::vector<std::pair<std::string, Where>>* seen;
    void note(auto& trainer, const char* hook) {
        seen->push_back(
            {hook,
             {trainer.current_epoch(), trainer.global_step(), trainer.progress().batches_that_stepped}});
    }
    void on_train_epoch_start(auto& trainer, auto&) { note(trainer, "epoch_start"); }
    void on_train_batch_start(auto& trainer, auto&) { note(trainer, "batch_start"); }
    void on_before_optimizer_step(auto& trainer, auto&) { note(trainer, "before_step"); }
    void on_train_batch_end(auto& trainer, auto&) { note(trainer, "batch_end"); }
    void on_validation_end(auto& trainer, auto&) { note(trainer, "val_end"); }
    void on_train_epoch_end(auto& trainer, auto&) { note(trainer, "epoch_end"); }
    void on_train_end(auto& trainer, auto&) { note(trainer, "train_end"); }
};

}  // namespace

TEST_SUITE("loops/training_epoch_loop") {
    TEST_CASE("validation runs where val_check_interval and check_val_every_n_epoch say") {
        struct Row {
            Options options;
            Steps steps;
            const char* why;
        };
        // PyTorch Lightning 2.6.6 with 10 batches an epoch.
        for (const Row& row : {
                 Row{{.max_epochs = 1, .val_check_interval = 0.3}, {3, 6, 9}, "0.3"},
                 Row{{.max_epochs = 1, .val_check_interval = 0.25}, {2, 4, 6, 8, 10}, "0.25 is 2 batches"},
                 Row{{.max_epochs = 1, .val_check_interval = 0.95}, {9}, "0.95 is 9 batches"},
                 Row{{.max_epochs = 1, .val_check_interval = 0.0},
                     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
                     "0.0 is every batch"},
                 Row{{.max_epochs = 2}, {10, 20}, "the default"},
                 Row{{.max_epochs = 2, .val_check_interval = 3},
                     {3, 6, 9, 13, 16, 19},
                     "a number starts anew each epoch"},
                 Row{{.max_epochs = 3, .val_check_interval = 15, .check_val_every_n_epoch = std::nullopt},
                     {15, 30},
                     "counted over the epochs"},
                 Row{{.max_epochs = 4, .val_check_interval = 5, .check_val_every_n_epoch = 2},
                     {15, 20, 35, 40},
                     "every second epoch"},
                 Row{{.max_epochs = 3, .check_val_every_n_epoch = 2},
                     {20},
                     "the last epoch is not one of them"},
                 Row{{.max_steps = 3}, {}, "max_steps inside an epoch brings no validation"},
                 Row{{.max_epochs = 1, .limit_val_batches = 0}, {}, "no validation batches"},
                 Row{{.max_epochs = 1, .val_check_interval = std::chrono::milliseconds(0)},
                     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
                     "by the clock, which has always run out"},
             }) {
            CAPTURE(row.why);
            CHECK(validations(row.options, probe::batches(10)) == row.steps);
        }
    }

    TEST_CASE("a stop inside an epoch validates first, where the epoch is one for validation") {
        CHECK(validations({.max_epochs = 2}, probe::batches(10), 3) == Steps{3});
        CHECK(validations({.max_epochs = 2, .check_val_every_n_epoch = 2}, probe::batches(10), 3).empty());
        CHECK(validations({.max_epochs = 9, .min_epochs = 2}, probe::batches(5), 3) == Steps{5, 10});
    }

    TEST_CASE("a loader that does not know its size is validated at its end, or after so many batches") {
        CHECK(validations({.max_epochs = 2}, Stream{probe::batches(3)}) == Steps{3, 6});
        CHECK(validations({.max_epochs = 1, .val_check_interval = 2}, Stream{probe::batches(5)}) ==
              Steps{2, 4});
        CHECK(validations({.max_epochs = 1, .val_check_interval = 9}, Stream{probe::batches(5)}).empty());
        CHECK(validations({.max_epochs = 1, .limit_train_batches = 2}, Stream{probe::batches(5)}) ==
              Steps{2});
    }

    TEST_CASE("an interval that cannot come round is refused") {
        CHECK_THROWS_WITH_AS(validations({.max_epochs = 1, .val_check_interval = 11}, probe::batches(10)),
                             doctest::Contains("val_check_interval = 11 is more than the 10 batches"),
                             lit::ConfigError);
        CHECK(validations({.max_epochs = 1, .limit_val_batches = 0, .val_check_interval = 11},
                          probe::batches(10))
                  .empty());
        CHECK_THROWS_WITH_AS(
            validations({.max_epochs = 1, .val_check_interval = 0.5}, Stream{probe::batches(10)}),
            doctest::Contains("does not know its size"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(
            validations({.max_epochs = 1, .limit_train_batches = 0.5}, Stream{probe::batches(10)}),
            doctest::Contains("limit_train_batches"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(validations({.max_epochs = 1, .limit_train_batches = 0.01}, probe::batches(10)),
                             doctest::Contains("less than one"), lit::ConfigError);
    }

    TEST_CASE("a loader that does not know its size validates where it ends, also before a limit") {
        CHECK(validations({.max_epochs = 2, .limit_train_batches = 5}, Stream{probe::batches(3)}) == Steps{3, 6});
        CHECK(validations({.max_epochs = 2, .limit_train_batches = 2}, Stream{probe::batches(3)}) == Steps{2, 4});
        CHECK_THROWS_WITH_AS(
            static_cast<void>(validations({.max_epochs = 2, .limit_train_batches = 4, .val_check_interval = 0.5},
                                          Stream{probe::batches(3)})),
            doctest::Contains("is a fraction of a loader that does not know its size"), lit::ConfigError);
    }

    TEST_CASE("a validation by the clock is one of all ranks, whatever the clock of each says") {
        std::array<Steps, 2> steps;
        std::array<probe::Line, 2> modules;
        lit::testing::rethrow_first(lit::testing::run_thread_ranks(2, [&](lit::ProcessGroupCollective& ranks) {
            const auto rank = static_cast<std::size_t>(ranks.rank());
            auto train = probe::batches(3);
            auto val = probe::batches(1);
            // It is always time on rank 0, and never on the other.
            lit::Trainer trainer{lit::DDP({}, ranks), lit::Fp32{},
                                 Options{.max_epochs = 1, .val_check_interval = std::chrono::hours(rank)},
                                 Validations{&steps[rank]}};
            trainer.fit(modules[rank], train, val);
        }));
        CHECK(steps[0] == Steps{1, 2, 3});
        CHECK(steps[1] == steps[0]);
    }

    TEST_CASE("skip_epoch ends the epoch without the step, the end hooks of the batch and the validation") {
        // Lightning: -1 at batch 2 of 5, two epochs: global step 4, no validation.
        Skipper module;
        Steps steps;
        std::int64_t batches = 0;
        std::int64_t epochs = 0;
        auto train = probe::batches(5);
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 2}, Validations{&steps}, Ends{&batches, &epochs});
        const lit::FitResult result = trainer.fit(module, train, val);
        CHECK(result.global_step == 4);
        CHECK(result.epochs == 2);
        CHECK(batches == 4);
        CHECK(epochs == 2);
        CHECK(steps.empty());
    }

    TEST_CASE("the counters stand in each hook where Lightning's do") {
        std::vector<std::pair<std::string, Where>> seen;
        probe::Line module;
        auto train = probe::batches(2);
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0}, Counters{&seen});
        trainer.fit(module, train, val);
        const std::vector<std::pair<std::string, Where>> expected{
            {"epoch_start", {0, 0, 0}}, {"batch_start", {0, 0, 0}}, {"before_step", {0, 0, 0}},
            {"batch_end", {0, 1, 0}},   {"batch_start", {0, 1, 1}}, {"before_step", {0, 1, 1}},
            {"batch_end", {0, 2, 1}},   {"val_end", {0, 2, 1}},     {"epoch_end", {0, 2, 2}},
            {"train_end", {1, 2, 2}}};
        REQUIRE(seen.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CAPTURE(i);
            CHECK(seen[i].first == expected[i].first);
            CHECK(seen[i].second == expected[i].second);
        }
    }
}
