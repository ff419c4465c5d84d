// SPDX-License-Identifier: Apache-2.0
#include <lit/module/module.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <torch/nn/modules/linear.h>

namespace {

struct HParams {
    double lr = 0.5;
    std::int64_t width = 2;
};

struct Net : lit::Module<Net, HParams> {
    using Logs = lit::Logs<"train_loss", "val_loss">;
    torch::nn::Linear layer{nullptr};
    std::vector<std::int64_t> seen;

    explicit Net(HParams h = {}) : Module(h) {
        layer = register_module("layer", torch::nn::Linear(2, hparams.width));
    }
    at::Tensor training_step(const at::Tensor& batch) {
        seen.push_back(10 * current_epoch() + global_step());
        log<"train_loss">(1.0);
        log_dict({{"val_loss", 2.0}, {"free", 3.0}});
        return layer(batch).mean();
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = hparams.lr}}; }
};

struct Asks : probe::LineBase<Asks> {
    at::Tensor training_step(const at::Tensor& batch) {
        if (global_step() == 1) {
            request_stop("the module has had enough");
        }
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

// The trainer before Lightning's arguments, arguments left out, and a final class.
struct Last final : lit::Module<Last> {
    at::Tensor weight = register_parameter("weight", at::ones({1}));
    std::int64_t starts = 0, epoch_ends = 0;
    at::Tensor training_step(auto& trainer, const at::Tensor& batch, std::int64_t batch_idx) {
        CHECK(trainer.global_step() == batch_idx);
        return (weight * batch).mean();
    }
    void on_train_start() { ++starts; }
    void on_train_epoch_end(auto& trainer) { epoch_ends += trainer.current_epoch() + 1; }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

static_assert(lit::ModulePolicy<Net> && lit::ModulePolicy<Last>);
static_assert(!lit::ModulePolicy<torch::nn::Linear> && !lit::ModulePolicy<torch::nn::Module> &&
              !lit::ModulePolicy<int>);
static_assert(lit::automatic_optimization<Net>);
static_assert(std::is_base_of_v<torch::nn::Module, Net>);

}  // namespace

TEST_SUITE("module/module") {
    TEST_CASE("a module without a trainer logs into nothing and stands at the beginning") {
        Net net({.lr = 0.25, .width = 3});
        CHECK(net.hparams.width == 3);
        CHECK(net.layer->weight.size(0) == 3);
        CHECK_NOTHROW(net.log<"train_loss">(1.0));
        CHECK_NOTHROW(net.log("anything", at::ones({1})));
        CHECK(net.current_epoch() == 0);
        CHECK(net.global_step() == 0);
        CHECK_FALSE(net.should_stop());
        net.request_stop();
        CHECK_FALSE(net.should_stop());
    }

    TEST_CASE("in a run it reads where the run is, and is untied afterwards") {
        Net net;
        auto train = std::vector<at::Tensor>(2, at::ones({1, 2}));
        auto trainer = probe::trainer({.max_epochs = 2});
        trainer.fit(net, train);
        CHECK(net.seen == std::vector<std::int64_t>{0, 1, 12, 13});
        CHECK(net.current_epoch() == 0);
        CHECK(trainer.current_epoch() == 2);
        CHECK(trainer.callback_metrics().value("train_loss") == 1.0);
        CHECK(trainer.callback_metrics().value("val_loss") == 2.0);
        CHECK(trainer.callback_metrics().value("free") == 3.0);
    }

    TEST_CASE("a module may ask for the end, with its reason") {
        Asks module;
        auto train = probe::batches(5);
        auto trainer = probe::trainer({.max_epochs = 2});
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(result.global_step == 2);
        CHECK(result.reason == "the module has had enough");
    }

    TEST_CASE("hooks take the trainer first and leave out what they do not need, in a final class too") {
        Last module;
        auto train = probe::batches(2);
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, train);
        CHECK(module.starts == 1);
        CHECK(module.epoch_ends == 1);
        CHECK(module.weight.item<float>() == 1.0F - 1.0F - 2.0F);
    }

    TEST_CASE("two trainers take turns with one module") {
        probe::Line module;
        auto train = probe::batches(1);
        auto one = probe::trainer({.max_epochs = 1});
        auto two = probe::trainer({.max_epochs = 1});
        one.fit(module, train);
        two.fit(module, train);
        CHECK(module.value() == -1.0F);
        CHECK(one.global_step() == 1);
        CHECK(two.global_step() == 1);
    }
}
