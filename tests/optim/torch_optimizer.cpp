// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/adam.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/optim/torch_optimizer.hpp>

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

static_assert(lit::OptimizerPolicy<torch::optim::SGD>);
static_assert(lit::OptimizerPolicy<torch::optim::AdamW>);

namespace {

struct OwnSGD : torch::optim::SGD {
    using SGD::SGD;
};

std::vector<at::Tensor> parameters() {
    torch::manual_seed(3);
    return {torch::randn({3, 2}).requires_grad_(), torch::randn({2}).requires_grad_()};
}

void step(auto& optimizer, const std::vector<at::Tensor>& params, int n) {
    torch::manual_seed(n);
    for (const at::Tensor& p : params) {
        p.mutable_grad() = torch::randn(p.sizes());
    }
    optimizer.step();
}

}  // namespace

TEST_SUITE("optim/torch_optimizer") {
    TEST_CASE("every optimizer of LibTorch answers, and goes on from a saved state with the same steps") {
        const auto check = [](auto make, const std::string& name) {
            CAPTURE(name);
            const auto whole = parameters();
            const auto halved = parameters();
            auto straight = make(whole);
            auto first = make(halved);
            auto second = make(halved);
            for (int n = 0; n < 6; ++n) {
                step(straight, whole, n);
            }
            for (int n = 0; n < 3; ++n) {
                step(first, halved, n);
            }
            lit::set_learning_rate(second, 0, 77.0);
            lit::load_optimizer_state(second, lit::optimizer_state(first));
            CHECK(lit::learning_rate(second) == lit::learning_rate(first));
            for (int n = 3; n < 6; ++n) {
                step(second, halved, n);
            }
            CHECK(torch::equal(whole[0], halved[0]));
            CHECK(torch::equal(whole[1], halved[1]));
            CHECK(lit::optimizer_name(first) == name);
            CHECK(lit::parameters_of(first).size() == 2);
        };
        using Parameters = std::vector<at::Tensor>;
        check([](Parameters p) { return torch::optim::SGD(p, torch::optim::SGDOptions(0.1).momentum(0.9)); },
              "SGD");
        check(
            [](Parameters p) { return torch::optim::Adam(p, torch::optim::AdamOptions(0.01).amsgrad(true)); },
            "Adam");
        check([](Parameters p) { return torch::optim::AdamW(p); }, "AdamW");
        check(
            [](Parameters p) {
                return torch::optim::RMSprop(p, torch::optim::RMSpropOptions(0.01).momentum(0.5));
            },
            "RMSprop");
        check([](Parameters p) { return torch::optim::Adagrad(p); }, "Adagrad");
        check([](Parameters p) { return OwnSGD(p, torch::optim::SGDOptions(0.1).momentum(0.9)); }, "OwnSGD");
    }

    TEST_CASE("momentum and decay are read from the options") {
        const torch::optim::AdamW adamw(parameters(),
                                        torch::optim::AdamWOptions().betas({0.7, 0.9}).weight_decay(0.5));
        CHECK(lit::momentum_of(adamw) == 0.7);
        CHECK(lit::weight_decay_of(adamw) == 0.5);
    }

    TEST_CASE("the state of LibTorch's Adam is taken up by lit's") {
        const auto params = parameters();
        torch::optim::Adam theirs(params, torch::optim::AdamOptions(0.25));
        step(theirs, params, 0);
        lit::Adam ours{params, {}};
        lit::load_optimizer_state(ours, lit::optimizer_state(theirs));
        CHECK(lit::learning_rate(ours) == 0.25);
        CHECK(lit::optimizer_state(ours).at("state").dict().find(0)->at("step").tensor().item<float>() ==
              1.0F);
    }

    TEST_CASE("a scheduler of lit's drives an optimizer of LibTorch") {
        auto configured = lit::detail::configure(
            lit::OptimizerConfig{.optimizer = torch::optim::SGD(parameters(), torch::optim::SGDOptions(1.0)),
                                 .lr_scheduler = lit::StepLR{{.step_size = 1, .gamma = 0.5}}});
        configured.for_each_scheduler([](auto& slot, auto& optimizer) { slot.step(optimizer); });
        CHECK(lit::learning_rate(configured.optimizer<0>()) == 0.5);
    }

    TEST_CASE("a state that does not fit is refused") {
        torch::optim::SGD one(std::vector<at::Tensor>{torch::zeros({2}).requires_grad_()},
                              torch::optim::SGDOptions(0.1));
        torch::optim::SGD two(parameters(), torch::optim::SGDOptions(0.1));
        CHECK_THROWS_AS(lit::load_optimizer_state(one, lit::optimizer_state(two)), lit::CheckpointError);
    }

    TEST_CASE("a group is added with the optimizer's defaults and its own rate") {
        const auto p = parameters();
        torch::optim::SGD optimizer(std::vector<at::Tensor>{p[0]}, torch::optim::SGDOptions(0.5).momentum(0.25));
        lit::add_param_group(optimizer, {p[1]}, 0.125);
        CHECK(lit::group_count(optimizer) == 2);
        CHECK(lit::learning_rate(optimizer, 0) == 0.5);
        CHECK(lit::learning_rate(optimizer, 1) == 0.125);
        CHECK(lit::momentum_of(optimizer, 1) == 0.25);
        CHECK_THROWS_AS(lit::add_param_group(optimizer, {p[0]}), lit::ConfigError);
        CHECK(lit::group_count(optimizer) == 2);
    }
}
