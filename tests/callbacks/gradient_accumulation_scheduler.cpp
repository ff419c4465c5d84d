// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

using Scheduler = lit::GradientAccumulationScheduler;

static_assert(lit::CallbackPolicy<Scheduler>);
static_assert(lit::AccumulatesGradients<Scheduler>);
static_assert(!lit::StatefulCallback<Scheduler>);  // as Lightning's: its factor follows from the epoch
static_assert(!std::is_polymorphic_v<Scheduler>);

/// Gradients are the batches themselves, so that the weight tells which of them were added up and by what divided.
struct Adder : lit::Module<Adder> {
    at::Tensor weight;
    std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>> seen{};

    Adder() { weight = register_parameter("weight", at::zeros({2})); }
    at::Tensor training_step(auto& trainer, const at::Tensor& batch, std::int64_t batch_idx) {
        seen.emplace_back(current_epoch(), batch_idx, trainer.accumulate_grad_batches(), global_step());
        return (weight * batch).sum();
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};

struct ByHand : lit::Module<ByHand> {
    static constexpr bool automatic_optimization = false;
    at::Tensor weight;

    ByHand() { weight = register_parameter("weight", at::zeros({2})); }
    void training_step(const at::Tensor& /*batch*/) {}
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};

std::vector<at::Tensor> batches(int count) {
    std::vector<at::Tensor> all;
    for (int i = 1; i <= count; ++i) {
        all.push_back(at::full({2}, static_cast<double>(i)));
    }
    return all;
}

}  // namespace

TEST_SUITE("callbacks/gradient_accumulation_scheduler") {
    // Figures: Lightning 2.6.6, GradientAccumulationScheduler({1: 2, 2: 3}), 7 batches of the numbers 1 to 7, 3 epochs,
    // loss (w * batch).sum(), SGD(lr=0.125).
    TEST_CASE("changes the windows when an epoch begins, as Lightning was measured to") {
        auto trainer = scripted::trainer({.max_epochs = 3}, Scheduler{{1, 2}, {2, 3}});
        Adder module;
        trainer.fit(module, batches(7));
        using Row = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
        const std::vector<Row> expected{
            {0, 0, 1, 0},  {0, 1, 1, 1},  {0, 2, 1, 2},  {0, 3, 1, 3},  {0, 4, 1, 4},  {0, 5, 1, 5},
            {0, 6, 1, 6},  {1, 0, 2, 7},  {1, 1, 2, 7},  {1, 2, 2, 8},  {1, 3, 2, 8},  {1, 4, 2, 9},
            {1, 5, 2, 9},  {1, 6, 2, 10}, {2, 0, 3, 11}, {2, 1, 3, 11}, {2, 2, 3, 11}, {2, 3, 3, 12},
            {2, 4, 3, 12}, {2, 5, 3, 12}, {2, 6, 3, 13}};
        const bool same = module.seen == expected;
        CHECK(same);
        CHECK(trainer.global_step() == 14);
        // The same operations in the same order: no tolerance.
        CHECK(module.weight[0].item<float>() == -6.416666507720947F);
    }

    TEST_CASE("the factor of an epoch is that of the last epoch given before it") {
        const Scheduler scheduler{{2, 4}, {5, 3}};
        CHECK(scheduler.accumulate_grad_batches() == 1);
        const std::vector<std::int64_t> expected{1, 1, 4, 4, 4, 3, 3};
        for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
            CHECK(scheduler.accumulate_grad_batches(static_cast<std::int64_t>(epoch)) == expected[epoch]);
        }
        CHECK(scheduler.going_to_accumulate_grad_batches());
        CHECK(!Scheduler{{3, 1}}.going_to_accumulate_grad_batches());
        CHECK(Scheduler{std::map<std::int64_t, std::int64_t>{{0, 6}}}.accumulate_grad_batches(0) == 6);
    }

    TEST_CASE("refuses schedules that make no sense when it is constructed") {
        using Map = std::map<std::int64_t, std::int64_t>;
        CHECK_THROWS_AS(Scheduler{Map{}}, lit::ConfigError);
        CHECK_THROWS_AS((Scheduler{{-1, 2}}), lit::ConfigError);
        CHECK_THROWS_AS((Scheduler{{3, 0}}), lit::ConfigError);
        CHECK_THROWS_AS((Scheduler{{3, 2}, {3, 4}}), lit::ConfigError);
    }

    TEST_CASE("refuses another component that accumulates, when training begins") {
        using Maybe = std::optional<lit::GradientAccumulation>;
        auto both =
            scripted::trainer({.max_epochs = 1}, Maybe(lit::GradientAccumulation{2}), Scheduler{{1, 2}});
        Adder module;
        CHECK_THROWS_AS(both.fit(module, batches(2)), lit::ConfigError);
        CHECK(module.seen.empty());
        auto one =
            scripted::trainer({.max_epochs = 1}, Maybe(lit::GradientAccumulation{1}), Scheduler{{0, 2}});
        one.fit(module, batches(2));
        CHECK(one.global_step() == 1);
    }

    // Lightning 2.6.6 raises its ValueError there too: trainer.accumulate_grad_batches keeps the last factor.
    TEST_CASE("refuses a second fit after a first that ended with another factor than 1") {
        Adder module;
        auto trainer = scripted::trainer({.max_epochs = 2}, Scheduler{{1, 2}});
        trainer.fit(module, batches(4));
        trainer.options().max_epochs = 3;
        CHECK_THROWS_AS(trainer.fit(module, batches(4)), lit::ConfigError);

        auto back = scripted::trainer({.max_epochs = 3}, Scheduler{{1, 2}, {2, 1}});
        back.fit(module, batches(4));
        CHECK(back.global_step() == 10);
        back.options().max_epochs = 4;
        back.fit(module, batches(4));
        CHECK(back.global_step() == 14);
    }

    TEST_CASE("refuses manual optimization, for one that may be absent when training begins") {
        using Maybe = std::optional<Scheduler>;
        ByHand module;
        auto given = scripted::trainer({.max_epochs = 1}, Maybe(Scheduler{{0, 2}}));
        CHECK_THROWS_AS(given.fit(module, batches(2)), lit::ConfigError);
        auto absent = scripted::trainer({.max_epochs = 1}, Maybe());
        CHECK(absent.fit(module, batches(2)).finished());
    }
}
