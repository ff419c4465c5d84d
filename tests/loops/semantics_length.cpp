// SPDX-License-Identifier: Apache-2.0
// Section 1 of docs/lightning.md: how long a run is, how much of the data it sees, and when it validates.
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/loops/limit.hpp>
#include <lit/loops/prediction_loop.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"
#include "support/hand_clock.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using lit::testing::HandClock;
using Options = lit::TrainerOptions;
using Steps = std::vector<std::int64_t>;

/// Notes which hooks were called, and the steps of the validations.
struct Notes {
    Steps* validations = nullptr;
    std::int64_t* sanity = nullptr;
    std::int64_t* train_starts = nullptr;

    void on_sanity_check_start(auto&, auto&) const {
        if (sanity != nullptr) {
            ++*sanity;
        }
    }
    void on_train_start(auto&, auto&) const {
        if (train_starts != nullptr) {
            ++*train_starts;
        }
    }
    void on_validation_end(auto& trainer, auto&) const {
        if (validations != nullptr && !trainer.sanity_checking()) {
            validations->push_back(trainer.global_step());
        }
    }
};
struct StopsAt {
    std::int64_t step = 0;
    void on_train_batch_end(auto& trainer, auto&) const {
        if (trainer.global_step() == step) {
            trainer.request_stop("enough");
        }
    }
};

/// Counts how often its loaders are asked for.
struct Asked : lit::DataModule<Asked> {
    std::int64_t train = 0, val = 0;
    std::vector<at::Tensor> train_dataloader() {
        ++train;
        return probe::batches(2);
    }
    std::vector<at::Tensor> val_dataloader() {
        ++val;
        return probe::batches(2);
    }
    std::vector<at::Tensor> test_dataloader() { return probe::batches(2); }
    std::vector<at::Tensor> predict_dataloader() { return probe::batches(2); }
};

/// Remembers the samples that it sees.
struct Sees : lit::Module<Sees> {
    at::Tensor weight = register_parameter("weight", at::ones({1}));
    Steps train, val;
    static void note(Steps& into, const lit::Example& batch) {
        for (std::int64_t i = 0; i < batch.data.size(0); ++i) {
            into.push_back(batch.data[i].item<std::int64_t>());
        }
    }
    at::Tensor training_step(const lit::Example& batch) {
        note(train, batch);
        return weight.sum();
    }
    void validation_step(const lit::Example& batch) { note(val, batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};
auto numbers(std::int64_t first, std::int64_t count) {
    return lit::TensorDataset{at::arange(first, first + count), at::arange(count)};
}

struct Stages : probe::LineBase<Stages> {
    bool inference_in_fit = true, gradients_in_fit = true, anomaly_in_sanity = true, anomaly_in_step = false;
    at::Tensor training_step(const at::Tensor& batch) {
        anomaly_in_step = torch::autograd::AnomalyMode::is_enabled();
        return loss(batch);
    }
    void validation_step(const at::Tensor&) {
        inference_in_fit = c10::InferenceMode::is_enabled();
        gradients_in_fit = at::GradMode::is_enabled();
        if (sanity_checking()) {
            anomaly_in_sanity = torch::autograd::AnomalyMode::is_enabled();
        }
    }
    void test_step(const at::Tensor&) {}
    at::Tensor predict_step(const at::Tensor& batch) { return batch; }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

/// Trains only.
struct TrainsOnly : probe::LineBase<TrainsOnly> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

/// Takes its time for each batch.
struct Slow {
    std::chrono::milliseconds pause;
    void on_train_batch_start(auto&, auto&) const { HandClock::pass(pause); }
};

Steps validations(const Options& options, std::int64_t batches, std::int64_t window = 1) {
    Steps steps;
    probe::Line module;
    auto train = probe::batches(batches);
    auto val = probe::batches(1);
    auto trainer = probe::trainer(options, Notes{.validations = &steps}, lit::GradientAccumulation{window});
    trainer.fit(module, train, val);
    return steps;
}

}  // namespace

TEST_SUITE("loops/semantics_length") {
    TEST_CASE(
        "a fraction of the batches is multiplied in floating point and cut off, a whole number is a cap") {
        CHECK(lit::Limit(0.55).of(10, "x") == 5);
        CHECK(lit::Limit(0.29).of(100, "x") == 28);  // 0.29 * 100 is 28.999999999999996 in Python too
        CHECK(lit::Limit(1).of(10, "x") == 1);
        CHECK(lit::Limit(1.0).of(10, "x") == 10);
        CHECK(lit::Limit(2.0).of(10, "x") == 2);
        CHECK(lit::Limit(true).of(10, "x") == 1);
        CHECK(lit::Limit(12).of(10, "x") == 10);
        CHECK(lit::Limit(12).of(std::nullopt, "x") == 12);
        CHECK(lit::Limit(1.0).of(std::nullopt, "x") == std::nullopt);
        CHECK(lit::Limit(0.0).of(std::nullopt, "x") == 0);
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::Limit(0.1).of(4, "limit_val_batches")),
                             doctest::Contains("Use at least 0.25"), lit::ConfigError);
    }

    TEST_CASE("a limit of 0 switches a stage off, and its loader is not even asked for") {
        std::int64_t sanity = 0;
        std::int64_t starts = 0;
        Steps steps;
        Asked data;
        Stages module;
        const Notes notes{.validations = &steps, .sanity = &sanity, .train_starts = &starts};
        auto without = probe::trainer({.max_epochs = 1, .limit_val_batches = 0}, notes);
        CHECK(without.fit(module, data).global_step == 2);
        CHECK(data.val == 0);
        CHECK(sanity == 0);
        CHECK(steps.empty());
        CHECK(starts == 1);
        auto nothing = probe::trainer({.max_epochs = 1,
                                       .limit_train_batches = 0,
                                       .limit_test_batches = 0.0,
                                       .limit_predict_batches = 0},
                                      notes);
        CHECK(nothing.fit(module, data).global_step == 0);
        CHECK(starts == 1);
        CHECK(nothing.test(module, data, {.verbose = false}).empty());
        CHECK(nothing.predict(module, data).empty());
    }

    TEST_CASE("max_epochs = 0 and max_steps = 0 train nothing and do not start training") {
        for (const Options& options : {Options{.max_epochs = 0}, Options{.max_steps = 0}}) {
            std::int64_t starts = 0;
            probe::Line module;
            auto trainer = probe::trainer(options, Notes{.train_starts = &starts});
            CHECK(trainer.fit(module, probe::batches(2)).global_step == 0);
            CHECK(starts == 0);
        }
    }

    TEST_CASE("without max_epochs a run has 1000 epochs and says so, or is bounded by steps or time alone") {
        const semantics::Stderr messages;
        probe::Line module;
        auto trainer = probe::trainer({}, StopsAt{3});
        CHECK(trainer.fit(module, probe::batches(2)).global_step == 3);
        CHECK(messages.contains("1000"));
        auto steps = probe::trainer({.max_steps = 2005});
        CHECK(steps.fit(module, probe::batches(2)).epochs == 1003);
        const HandClock clock;
        auto time =
            probe::trainer({.max_time = std::chrono::milliseconds(30)}, Slow{std::chrono::milliseconds(20)});
        CHECK(time.fit(module, probe::batches(1)).global_step == 2);
    }

    TEST_CASE("a run says which limit ended it, and nothing after a stop that was asked for") {
        struct Row {
            Options options;
            std::int64_t stop_at;
            const char* said;
        };
        // Lightning: one line for each of the first three, none for should_stop.
        for (const Row& row :
             {Row{{.max_epochs = 1, .limit_train_batches = 0}, -1, "no training batches"},
              Row{{.max_steps = 3}, -1, "max_steps = 3 reached"},
              Row{{.max_epochs = 2}, -1, "max_epochs = 2 reached"}, Row{{.max_epochs = 9}, 3, ""}}) {
            const semantics::Stderr messages;
            probe::Line module;
            auto trainer = probe::trainer(row.options, StopsAt{row.stop_at});
            trainer.fit(module, probe::batches(2));
            if (std::string(row.said).empty()) {
                CHECK_FALSE(messages.contains("stopped"));
            } else {
                CHECK(messages.contains(row.said));
            }
        }
    }

    TEST_CASE("while the minimum is unmet a request to stop is kept, and told once") {
        const semantics::Stderr messages;
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 9, .min_epochs = 3}, StopsAt{1});
        CHECK(trainer.fit(module, probe::batches(2)).epochs == 3);
        const std::string text = messages.text();
        const std::size_t first = text.find("min_epochs");
        CHECK(first != std::string::npos);
        CHECK(text.find("min_epochs", first + 1) == std::string::npos);
    }

    TEST_CASE("a fit takes back an earlier request to stop, and a further one checks sanity again") {
        std::int64_t sanity = 0;
        probe::Line module;
        auto train = probe::batches(2);
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 4}, Notes{.sanity = &sanity}, StopsAt{3});
        CHECK(trainer.fit(module, train, val).global_step == 3);
        CHECK(trainer.should_stop());
        CHECK(trainer.current_epoch() == 2);
        const lit::FitResult rest = trainer.fit(module, train, val);
        CHECK(rest.global_step == 7);
        CHECK(rest.epochs == 4);
        CHECK_FALSE(trainer.should_stop());
        CHECK(trainer.fit(module, train, val).global_step == 7);
        CHECK(sanity == 3);
    }

    TEST_CASE("fast_dev_run sets the limits, and overfit_batches goes before it") {
        const Options quick = Options{.fast_dev_run = 3,
                                      .max_epochs = 9,
                                      .val_check_interval = 0.5,
                                      .check_val_every_n_epoch = 2,
                                      .num_sanity_val_steps = 5}
                                  .resolved();
        CHECK(quick.limit_train_batches.count() == 3);
        CHECK(quick.limit_val_batches.count() == 3);
        CHECK(quick.limit_test_batches.count() == 3);
        CHECK(quick.limit_predict_batches.count() == 3);
        CHECK(quick.max_steps == 3);
        CHECK(quick.max_epochs == 1);
        CHECK(quick.num_sanity_val_steps == 0);
        CHECK(!quick.val_check_interval.has_value());
        CHECK(quick.check_val_every_n_epoch == 1);
        const Options both = Options{.fast_dev_run = 3, .overfit_batches = 2}.resolved();
        CHECK(both.limit_train_batches.count() == 2);
        CHECK(both.limit_val_batches.count() == 2);
        CHECK(both.limit_test_batches.count() == 3);
    }

    TEST_CASE(
        "overfit_batches takes the first batches of both loaders in order, and leaves the loaders as they "
        "were") {
        const auto set = numbers(0, 12);
        const auto other = numbers(100, 8);
        lit::DataLoader train{set, {.batch_size = 2, .shuffle = true, .seed = 3}};
        lit::DataLoader val{other, {.batch_size = 2, .shuffle = true, .seed = 3}};
        Sees module;
        auto trainer = probe::trainer({.max_epochs = 2, .overfit_batches = 2, .num_sanity_val_steps = 0});
        const semantics::Stderr messages;
        trainer.fit(module, train, val);
        CHECK(module.train == Steps{0, 1, 2, 3, 0, 1, 2, 3});
        CHECK(module.val == Steps{100, 101, 102, 103, 100, 101, 102, 103});
        CHECK(messages.contains("overfit_batches"));
        // Lightning builds new loaders; the caller's goes on shuffling.
        CHECK(train.is_shuffled());
        CHECK(val.is_shuffled());
        auto tenth = probe::trainer({.max_epochs = 1, .overfit_batches = 0.2});
        CHECK_THROWS_WITH_AS(tenth.fit(module, train, val), doctest::Contains("limit_val_batches"),
                             lit::ConfigError);
    }

    TEST_CASE("val_check_interval counts micro-batches, and a remainder is not carried over") {
        CHECK(validations({.max_epochs = 1, .val_check_interval = 3}, 6, 2) == Steps{1, 3});
        CHECK(validations({.max_epochs = 2, .val_check_interval = 0.3}, 10) == Steps{3, 6, 9, 13, 16, 19});
        CHECK(validations({.max_epochs = 1, .val_check_interval = 0.05}, 4) == Steps{1, 2, 3, 4});
        // Without a number and counted over all epochs it is every epoch's length.
        CHECK(validations({.max_epochs = 2, .check_val_every_n_epoch = std::nullopt}, 3) == Steps{3, 6});
    }

    TEST_CASE("an interval by the clock waits for an epoch of validation, and comes after its first batch") {
        const HandClock clock;
        Steps steps;
        probe::Line module;
        auto train = probe::batches(3);
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 2,
                                       .val_check_interval = std::chrono::milliseconds(60),
                                       .check_val_every_n_epoch = 2},
                                      Notes{.validations = &steps}, Slow{std::chrono::milliseconds(25)});
        trainer.fit(module, train, val);
        REQUIRE(!steps.empty());
        CHECK(steps.front() == 4);
    }

    TEST_CASE(
        "validation inside fit is without gradients, but never in inference mode; anomalies are looked for "
        "after the sanity check") {
        for (const bool inference : {true, false}) {
            Stages module;
            auto train = probe::batches(1);
            auto val = probe::batches(1);
            auto trainer =
                probe::trainer({.max_epochs = 1, .inference_mode = inference, .detect_anomaly = true});
            trainer.fit(module, train, val);
            CHECK_FALSE(module.inference_in_fit);
            CHECK_FALSE(module.gradients_in_fit);
            CHECK_FALSE(module.anomaly_in_sanity);
            CHECK(module.anomaly_in_step);
            CHECK_FALSE(torch::autograd::AnomalyMode::is_enabled());
        }
    }

    TEST_CASE(
        "a validation step without batches, or batches without a step, is a warning and no validation") {
        {
            const semantics::Stderr messages;
            Steps steps;
            TrainsOnly module;
            auto train = probe::batches(2);
            auto val = probe::batches(1);
            auto trainer = probe::trainer({.max_epochs = 1}, Notes{.validations = &steps});
            CHECK(trainer.fit(module, train, val).finished());
            CHECK(steps.empty());
            CHECK(messages.contains("no validation_step"));
        }
        {
            const semantics::Stderr messages;
            probe::Line module;
            auto train = probe::batches(2);
            auto trainer = probe::trainer({.max_epochs = 1});
            CHECK(trainer.fit(module, train).finished());
            CHECK(messages.contains("no val_dataloader"));
        }
    }

    TEST_CASE("fewer batches than log_every_n_steps are told once, when there is a logger") {
        const auto told = [](auto... components) {
            const semantics::Stderr messages;
            probe::Line module;
            auto train = probe::batches(2);
            auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 3}, components...);
            trainer.fit(module, train);
            return messages.contains("log_every_n_steps = 3");
        };
        CHECK(told(probe::Rows{}));
        CHECK_FALSE(told());
    }

    TEST_CASE("a prediction is a list for each loader, however many there are") {
        Stages module;
        auto one = probe::batches(3);
        auto trainer = probe::trainer({});
        const auto predictions = trainer.predict(module, one);
        REQUIRE(predictions.size() == 1);
        CHECK(predictions[0].size() == 3);
    }
}
