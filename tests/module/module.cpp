// SPDX-License-Identifier: Apache-2.0
#include <lit/module/module.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace {

struct HParams {
    std::int64_t hidden = 3;
};
struct Net : lit::Module<Net, HParams> {
    using Logs = lit::Logs<"loss">;
    explicit Net(HParams h = {}) : Module(h) {
        fc = register_module("fc", torch::nn::Linear(2, hparams.hidden));
    }
    torch::nn::Linear fc{nullptr};
};
struct Manual : lit::Module<Manual> {
    static constexpr bool automatic_optimization = false;
};

struct Widths {
    double lr = 0.5;
    std::int64_t width = 2;
};

struct Logging : lit::Module<Logging, Widths> {
    using Logs = lit::Logs<"train_loss", "val_loss">;
    torch::nn::Linear layer{nullptr};
    std::vector<std::int64_t> seen;

    explicit Logging(Widths h = {}) : Module(h) {
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

static_assert(lit::ModulePolicy<Logging> && lit::ModulePolicy<Last>);
static_assert(!lit::ModulePolicy<torch::nn::Linear> && !lit::ModulePolicy<torch::nn::Module> &&
              !lit::ModulePolicy<int>);
static_assert(lit::automatic_optimization<Logging>);
static_assert(std::is_base_of_v<torch::nn::Module, Logging>);

}  // namespace

static_assert(lit::ModulePolicy<Net> && lit::ModulePolicy<Manual> &&
              !lit::ModulePolicy<torch::nn::LinearImpl>);
static_assert(lit::automatic_optimization<Net> && !lit::automatic_optimization<Manual>);

TEST_SUITE("module/module") {
    TEST_CASE("is a torch::nn::Module that lives on the stack and holds its hyperparameters") {
        Net net({.hidden = 5});
        CHECK(net.hparams.hidden == 5);
        CHECK(net.parameters().size() == 2);
        CHECK(net.fc->weight.size(0) == 5);
    }
    TEST_CASE("without a trainer nothing is logged and nothing is counted, as in Lightning") {
        Net net;
        net.log<"loss">(1.0);
        net.log("anything", 2.0);
        net.log_dict({{"a", 1.0}, {"b", torch::tensor(2.0)}});
        net.request_stop();
        CHECK(net.current_epoch() == 0);
        CHECK(net.global_step() == 0);
        CHECK(!net.should_stop());
        CHECK(!net.sanity_checking());
    }
    TEST_CASE("while a run lasts it reads and logs through the run's state") {
        Net net;
        lit::RunState state;
        state.results = &state.train_results;
        state.current_hook = lit::Hook::training_step;
        state.progress.epoch.current.completed = 4;
        state.progress.optimizer_step.total.completed = 9;
        lit::detail::ModuleAccess::run(net) = &state;
        state.batch_started(2, -1);
        net.log<"loss">(torch::tensor(0.5));
        state.batch_ended();
        CHECK(state.callback_metrics.value("loss") == 0.5);
        CHECK(net.current_epoch() == 4);
        CHECK(net.global_step() == 9);
        net.request_stop("enough");
        CHECK(state.should_stop);
        CHECK(state.stop_reason == "enough");
        lit::detail::ModuleAccess::run(net) = nullptr;
    }
    TEST_CASE("a name with the loader's suffix is refused") {
        Net net;
        CHECK_THROWS_WITH_AS(net.log("a/dataloader_idx_0", 1.0), doctest::Contains("appended by itself"),
                             lit::ConfigError);
    }

    TEST_CASE("in a run it reads where the run is, and is untied afterwards") {
        Logging net;
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
