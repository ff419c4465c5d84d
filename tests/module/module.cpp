// SPDX-License-Identifier: Apache-2.0
#include <lit/module/module.hpp>

#include <torch/nn/modules/linear.h>

#include "support/doctest.hpp"

#include <cstdint>

namespace {

struct HParams {
    std::int64_t hidden = 3;
};
struct Net : lit::Module<Net, HParams> {
    using Logs = lit::Logs<"loss">;
    explicit Net(HParams h = {}) : Module(h) { fc = register_module("fc", torch::nn::Linear(2, hparams.hidden)); }
    torch::nn::Linear fc{nullptr};
};
struct Manual : lit::Module<Manual> {
    static constexpr bool automatic_optimization = false;
};

}  // namespace

static_assert(lit::ModulePolicy<Net> && lit::ModulePolicy<Manual> && !lit::ModulePolicy<torch::nn::LinearImpl>);
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
        CHECK_THROWS_WITH_AS(net.log("a/dataloader_idx_0", 1.0), doctest::Contains("appended by itself"), lit::ConfigError);
    }
}
