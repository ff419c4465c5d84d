// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/learning_rate_warm_up.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/sgd.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::LearningRateWarmUp;
using lit::WarmUpShape;
using Rates = std::vector<double>;

static_assert(lit::CallbackPolicy<LearningRateWarmUp> &&
              lit::CallbackPolicy<std::optional<LearningRateWarmUp>>);
static_assert(!std::is_polymorphic_v<LearningRateWarmUp>);
static_assert(std::is_trivially_copyable_v<LearningRateWarmUp>);

/// Writes down the rate that each update is made at.
struct Noted : lit::SGD {
    Rates* rates;
    Noted(std::vector<at::Tensor> parameters, double lr, Rates& noted)
        : SGD(std::move(parameters), {.lr = lr}), rates(&noted) {}
    void step() {
        rates->push_back(learning_rate(0));
        SGD::step();
    }
};

template <class Schedule = lit::LinearLR>
struct Net : lit::Module<Net<Schedule>> {
    torch::nn::Linear layer{nullptr};
    Rates* rates;
    std::optional<Schedule> schedule;
    lit::Interval interval;

    explicit Net(Rates& noted, std::optional<Schedule> given = {}, lit::Interval at = lit::Interval::epoch)
        : rates(&noted), schedule(std::move(given)), interval(at) {
        layer = this->register_module("layer", torch::nn::Linear(2, 1));
    }
    at::Tensor training_step(const lit::Example& batch) { return layer(batch.data).mean(); }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = Noted{this->parameters(), 1.0, *rates},
            .lr_scheduler = lit::LRSchedulerConfig{.scheduler = schedule, .interval = interval}};
    }
};
struct ByHand : lit::Module<ByHand> {
    static constexpr bool automatic_optimization = false;
    torch::nn::Linear layer{nullptr};
    Rates* rates;

    explicit ByHand(Rates& noted) : rates(&noted) {
        layer = register_module("layer", torch::nn::Linear(2, 1));
    }
    at::Tensor training_step(auto& trainer, const lit::Example& batch) {
        auto& optimizer = trainer.optimizers();
        optimizer.zero_grad();
        const at::Tensor loss = layer(batch.data).mean();
        trainer.manual_backward(loss);
        optimizer.step();
        return loss;
    }
    auto configure_optimizers() { return Noted{parameters(), 1.0, *rates}; }
};

constexpr lit::ExponentialLROptions halve{.gamma = 0.5};

}  // namespace

TEST_SUITE("callbacks/learning_rate_warm_up") {
    TEST_CASE("the factor goes in a straight line, or stays and jumps") {
        const LearningRateWarmUp linear{{.steps = 4, .start_factor = 0.0}};
        const LearningRateWarmUp constant{{.steps = 4, .start_factor = 0.25, .shape = WarmUpShape::constant}};
        const double expected[] = {0.0, 0.25, 0.5, 0.75, 1.0, 1.0};
        for (int step = 0; step < 6; ++step) {
            CHECK(linear.learning_rate_factor(step) == expected[step]);
            CHECK(constant.learning_rate_factor(step) == (step < 4 ? 0.25 : 1.0));
        }
    }
    TEST_CASE("updates are made at the rates of LinearLR") {
        Rates warm;
        Net<> module(warm);
        auto trainer = scripted::trainer({.max_epochs = 2}, LearningRateWarmUp{{.steps = 5}});
        trainer.fit(module, scripted::batches(4));
        Rates scheduled;
        Net<lit::LinearLR> other(scheduled, lit::LinearLR{{.total_iters = 5}}, lit::Interval::step);
        auto plain = scripted::trainer({.max_epochs = 2});
        plain.fit(other, scripted::batches(4));
        CHECK(warm.size() == 8);
        for (std::size_t i = 0; i < 8; ++i) {
            CHECK(std::abs(warm[i] - scheduled[i]) < 1e-15);  // torch's recursion rounds another way
        }
        CHECK(warm.back() == 1.0);
    }
    TEST_CASE("the module's schedule runs as it would without a warm-up") {
        Rates rates;
        Net<lit::ExponentialLR> module(rates, lit::ExponentialLR{halve});
        auto trainer =
            scripted::trainer({.max_epochs = 2}, LearningRateWarmUp{{.steps = 4, .start_factor = 0.0}});
        trainer.fit(module, scripted::batches(3));
        CHECK(rates == Rates{0.0, 0.25, 0.5, 0.75 * 0.5, 0.5, 0.5});
        Rates by_step;
        Net<lit::ExponentialLR> often(by_step, lit::ExponentialLR{halve}, lit::Interval::step);
        auto steps =
            scripted::trainer({.max_epochs = 1}, LearningRateWarmUp{{.steps = 2, .start_factor = 0.5}});
        steps.fit(often, scripted::batches(4));
        CHECK(by_step == Rates{0.5, 0.75 * 0.5, 0.25, 0.125});
    }
    TEST_CASE("steps are those of the optimizer: windows, and steps that are made by hand") {
        Rates rates;
        Net<> module(rates);
        auto trainer =
            scripted::trainer({.max_epochs = 1}, LearningRateWarmUp{{.steps = 2, .start_factor = 0.5}},
                              lit::GradientAccumulation{2});
        trainer.fit(module, scripted::batches(6));
        CHECK(rates == Rates{0.5, 0.75, 1.0});
        Rates by_hand;
        ByHand manual(by_hand);
        auto hand =
            scripted::trainer({.max_epochs = 1}, LearningRateWarmUp{{.steps = 2, .start_factor = 0.5}});
        hand.fit(manual, scripted::batches(3));
        CHECK(by_hand == Rates{0.5, 0.75, 1.0});
    }
    TEST_CASE("a component that is absent warms nothing up") {
        Rates rates;
        Net<> module(rates);
        auto trainer = scripted::trainer({.max_epochs = 1}, std::optional<LearningRateWarmUp>{});
        trainer.fit(module, scripted::batches(2));
        CHECK(rates == Rates{1.0, 1.0});
    }
    TEST_CASE("monitors see the warm rates, checkpoints hold the full ones, and a resumed run goes on") {
        const scripted::Folder folder;
        const LearningRateWarmUp warm_up{{.steps = 8, .start_factor = 0.0}};
        Rates rates;
        Net<lit::ExponentialLR> module(rates, lit::ExponentialLR{halve});
        auto trainer =
            scripted::trainer({.max_epochs = 1}, warm_up,
                              lit::ModelCheckpoint<>{{.dirpath = folder.path(), .filename = "one"}});
        trainer.fit(module, scripted::batches(4));
        Rates resumed;
        Net<lit::ExponentialLR> second(resumed, lit::ExponentialLR{halve});
        auto again = scripted::trainer({.max_epochs = 2}, warm_up);
        again.fit(second, scripted::batches(4), {.ckpt_path = (folder.path() / "one.ckpt").string()});
        CHECK(resumed == Rates{0.25, 0.3125, 0.375, 0.4375});
    }
    TEST_CASE("refuses what cannot be meant") {
        CHECK_THROWS_WITH_AS(
            LearningRateWarmUp{{}},
            "LearningRateWarmUp: steps = 0, expected 1 or more. Say after how many steps of the "
            "optimizer the full rate is reached.",
            lit::ConfigError);
        CHECK_THROWS_AS((LearningRateWarmUp{{.steps = 1, .start_factor = 1.5}}), lit::ConfigError);
        CHECK_THROWS_AS((LearningRateWarmUp{{.steps = 1, .start_factor = std::nan("")}}), lit::ConfigError);
    }
}
