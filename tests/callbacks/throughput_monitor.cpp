// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/rows.hpp"
#include "callbacks/scripted.hpp"
#include "support/hand_clock.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/throughput_monitor.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::testing::HandClock;
using scripted::KeptRows;
using scripted::Script;
using Texts = std::vector<std::string>;
using namespace std::chrono_literals;

constexpr auto samples = [](const auto& batch) { return batch.data.size(0); };
constexpr auto items = [](const auto& batch) { return batch.data.numel(); };
using Plain = decltype(lit::ThroughputMonitor{samples});
using Full = decltype(lit::ThroughputMonitor{samples, items, {.window_size = 3}});
static_assert(lit::CallbackPolicy<Plain> && lit::CallbackPolicy<Full>);
static_assert(std::same_as<Plain, decltype(lit::ThroughputMonitor{samples, {.window_size = 3}})>);
static_assert(!std::is_polymorphic_v<Full>);

struct Counted : lit::Module<Counted> {
    double flops_per_batch = 10.0;
    torch::nn::Linear layer{nullptr};
    Counted() { layer = register_module("layer", torch::nn::Linear(2, 1)); }
    at::Tensor training_step(const lit::Example& batch) { return layer(batch.data).mean(); }
    void validation_step(const lit::Example& /*batch*/) {}
    void test_step(const lit::Example& /*batch*/) {}
    at::Tensor predict_step(const lit::Example& batch) { return layer(batch.data); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};
Texts lines(const KeptRows& kept) {
    Texts all;
    for (const auto& row : kept.rows) {
        const std::string stage = kept.prefix;
        const bool rates = row.names().find("per_sec") != std::string::npos;
        all.push_back(std::to_string(row.step) + (rates ? " rates " : " totals ") +
                      std::to_string(static_cast<int>(row.at(stage + "/batches"))) + " " +
                      std::to_string(static_cast<int>(row.at(stage + "/samples"))));
    }
    return all;
}
/// Validation takes longer than training.
struct Slow {
    void on_train_batch_start(auto& /*trainer*/, auto& /*module*/) const { HandClock::pass(10ms); }
    void on_validation_batch_start(auto& /*trainer*/, auto& /*module*/) const {
        HandClock::pass(60ms);
    }
};

}  // namespace

TEST_SUITE("callbacks/throughput_monitor") {
    // Steps, names and totals as Lightning 2.6.6 logs them with the same loaders (of 1 sample there, of 4 here).
    TEST_CASE("logs totals and rates when a row is due") {
        auto trainer =
            scripted::trainer({.max_epochs = 2, .num_sanity_val_steps = 1, .log_every_n_steps = 2},
                              lit::ThroughputMonitor{samples, items, {.window_size = 3}}, KeptRows{"train"});
        Counted module;
        trainer.fit(module, scripted::batches(4), scripted::batches(2));
        const auto& kept = trainer.get<KeptRows>();
        CHECK(lines(kept) == Texts{"1 totals 2 8", "3 rates 4 16", "5 rates 6 24", "7 rates 8 32"});
        CHECK(kept.rows[0].names() == "train/time train/batches train/samples train/lengths epoch");
        CHECK(kept.rows[1].names() ==
              "train/time train/batches train/samples train/lengths train/device/batches_per_sec "
              "train/device/samples_per_sec train/device/items_per_sec train/device/flops_per_sec epoch");
        const auto& row = kept.rows[1];
        CHECK(row.at("train/lengths") == 32.0);
        const double rate = row.at("train/device/batches_per_sec");
        CHECK(row.at("train/device/samples_per_sec") == doctest::Approx(4.0 * rate));
        CHECK(row.at("train/device/items_per_sec") == doctest::Approx(8.0 * rate));
        CHECK(row.at("train/device/flops_per_sec") == doctest::Approx(10.0 * rate));
        CHECK(kept.rows[2].at("epoch") == 1.0);
    }
    TEST_CASE("validation, test and prediction count their own batches") {
        auto trainer =
            scripted::trainer({.max_epochs = 2, .num_sanity_val_steps = 1, .log_every_n_steps = 2},
                              lit::ThroughputMonitor{samples, {.available_flops = 1e12, .window_size = 3}},
                              KeptRows{"validate"});
        Counted module;
        auto& kept = trainer.get<KeptRows>();
        trainer.fit(module, scripted::batches(4), scripted::batches(2));
        CHECK(lines(kept) == Texts{"2 totals 2 8", "2 totals 2 8"});
        kept.rows.clear();
        trainer.validate(module, scripted::batches(5), {.verbose = false});
        CHECK(lines(kept) == Texts{"2 totals 4 16", "4 rates 6 24"});
        kept = KeptRows{"predict"};
        trainer.predict(module, scripted::batches(5));
        CHECK(lines(kept) == Texts{"2 totals 2 8", "4 rates 4 16"});
        CHECK(kept.rows[1].names().ends_with("predict/device/flops_per_sec predict/device/mfu"));
        kept = KeptRows{"test"};
        trainer.test(module, scripted::batches(2), {.verbose = false});
        CHECK(lines(kept) == Texts{"2 totals 2 8"});
    }
    TEST_CASE("logs closed accumulation windows only, and without flops where the module has none") {
        auto trainer = scripted::trainer({.max_epochs = 2, .log_every_n_steps = 1},
                                         lit::ThroughputMonitor{samples, {.window_size = 3}},
                                         lit::GradientAccumulation{2}, KeptRows{"train"});
        Script module;
        trainer.fit(module, scripted::batches(4));
        const auto& kept = trainer.get<KeptRows>();
        CHECK(lines(kept) == Texts{"0 totals 2 8", "1 rates 4 16", "2 rates 6 24", "3 rates 8 32"});
        CHECK(kept.rows[1].names().find("flops") == std::string::npos);
    }
    TEST_CASE("time spent in validation is not the training's") {
        const HandClock clock;
        auto trainer = scripted::trainer({.max_epochs = 3, .num_sanity_val_steps = 0, .log_every_n_steps = 1},
                                         lit::ThroughputMonitor{samples, {.window_size = 2}},
                                         Slow{}, KeptRows{"train"});
        Script module;
        trainer.fit(module, scripted::batches(2), scripted::batches(3));
        CHECK(trainer.get<KeptRows>().rows.back().at("train/time") ==
              doctest::Approx(0.06));  // beside 0.54 s in validation
    }
    TEST_CASE("settings are refused when it is made") {
        CHECK_THROWS_WITH_AS((lit::ThroughputMonitor{samples, {.window_size = 1}}),
                             doctest::Contains("window_size = 1"), lit::ConfigError);
    }
}
