// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/adam.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/optim/torch_optimizer.hpp>

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
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

    TEST_CASE("each of several schedulers starts from the rates at the begin, as with lit's optimizers") {
        const auto rates = [](auto optimizer) {
            auto configured = lit::detail::configure(lit::OptimizerConfig{
                .optimizer = std::move(optimizer),
                .lr_scheduler = std::tuple(
                    lit::LinearLR{{.start_factor = 0.1, .total_iters = 5}},
                    lit::LambdaLR{[](std::int64_t epoch) { return 1.0 - 0.1 * static_cast<double>(epoch); }},
                    lit::ReduceLROnPlateau{}),
                .monitor = "loss"});
            std::vector<double> all;
            for (int i = 0; i < 3; ++i) {
                configured.for_each_scheduler([](auto& slot, auto& held) { slot.step(held, 1.0); });
                all.push_back(lit::learning_rate(configured.template optimizer<0>()));
            }
            return all;
        };
        const auto of_lit = rates(lit::SGD{parameters(), {.lr = 0.1}});
        const std::vector<double> expected{0.09, 0.08, 0.07};
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(of_lit[i] == doctest::Approx(expected[i]));
        }
        CHECK(rates(torch::optim::SGD(parameters(), torch::optim::SGDOptions(0.1))) == of_lit);
        using Chosen = std::variant<torch::optim::SGD, torch::optim::Adam>;
        CHECK(rates(Chosen(torch::optim::SGD(parameters(), torch::optim::SGDOptions(0.1)))) == of_lit);
    }

    TEST_CASE("a setting of the file that LibTorch's optimizer cannot follow is refused") {
        torch::optim::Adam adam(parameters());
        torch::optim::AdamW adamw(parameters());
        for (const char* key : {"maximize", "decoupled_weight_decay"}) {
            CAPTURE(key);
            lit::Value saved = lit::optimizer_state(adam);
            saved.dict()["param_groups"].as<lit::List>()[0].dict().set(key, true);
            CHECK_THROWS_WITH_AS(lit::load_optimizer_state(adam, saved),
                                 doctest::Contains((std::string(key) + "\" is True in the file").c_str()),
                                 lit::CheckpointError);
        }
        lit::Value saved = lit::optimizer_state(adamw);
        saved.dict()["param_groups"].as<lit::List>()[0].dict().set("decoupled_weight_decay", false);
        CHECK_NOTHROW(lit::load_optimizer_state(adamw, saved));  // AdamW is AdamW, as in Python
    }

    TEST_CASE("the state of another kind of optimizer is refused") {
        const auto p = parameters();
        torch::optim::SGD sgd(p, torch::optim::SGDOptions(0.1).momentum(0.9));
        step(sgd, p, 0);
        torch::optim::Adam adam(p);
        CHECK_THROWS_WITH_AS(lit::load_optimizer_state(adam, lit::optimizer_state(sgd)),
                             doctest::Contains("no \"exp_avg\""), lit::CheckpointError);
        torch::optim::RMSprop rmsprop(p);
        CHECK_THROWS_AS(lit::load_optimizer_state(rmsprop, lit::optimizer_state(sgd)), lit::CheckpointError);
        torch::optim::Adagrad adagrad(p);
        CHECK_THROWS_AS(lit::load_optimizer_state(adagrad, lit::optimizer_state(sgd)), lit::CheckpointError);
    }

    TEST_CASE("Python's LBFGS after its first iteration, whose H_diag is a plain 1, is taken up") {
        const std::vector<at::Tensor> p{torch::ones({2}).requires_grad_()};
        const auto closure = [&] {
            const at::Tensor loss = p[0].square().sum();
            p[0].mutable_grad().reset();
            loss.backward();
            return loss;
        };
        torch::optim::LBFGS first(p, torch::optim::LBFGSOptions(0.1).max_iter(1));
        first.step(closure);
        lit::Value saved = lit::optimizer_state(first);
        saved.dict()["state"].dict().find(0)->dict().set("H_diag", 1);
        torch::optim::LBFGS second(p, torch::optim::LBFGSOptions(0.1).max_iter(1));
        lit::load_optimizer_state(second, saved);
        CHECK(lit::optimizer_state(second).at("state").dict().find(0)->at("H_diag").tensor().item<float>() ==
              1.0F);
        CHECK_NOTHROW(second.step(closure));
    }

    TEST_CASE("a state that does not fit is refused") {
        torch::optim::SGD one(std::vector<at::Tensor>{torch::zeros({2}).requires_grad_()},
                              torch::optim::SGDOptions(0.1));
        torch::optim::SGD two(parameters(), torch::optim::SGDOptions(0.1));
        CHECK_THROWS_AS(lit::load_optimizer_state(one, lit::optimizer_state(two)), lit::CheckpointError);
    }

    TEST_CASE("a group is added with the optimizer's defaults and its own rate") {
        const auto p = parameters();
        torch::optim::SGD optimizer(std::vector<at::Tensor>{p[0]},
                                    torch::optim::SGDOptions(0.5).momentum(0.25));
        lit::add_param_group(optimizer, {p[1]}, 0.125);
        CHECK(lit::group_count(optimizer) == 2);
        CHECK(lit::learning_rate(optimizer, 0) == 0.5);
        CHECK(lit::learning_rate(optimizer, 1) == 0.125);
        CHECK(lit::momentum_of(optimizer, 1) == 0.25);
        CHECK_THROWS_AS(lit::add_param_group(optimizer, {p[0]}), lit::ConfigError);
        const at::Tensor twice = torch::zeros({2}).requires_grad_();
        CHECK_THROWS_AS(lit::add_param_group(optimizer, {twice, twice}), lit::ConfigError);
        CHECK(lit::group_count(optimizer) == 2);
        torch::optim::LBFGS lbfgs(std::vector<at::Tensor>{p[0]});
        CHECK_THROWS_AS(lit::add_param_group(lbfgs, {p[1]}), lit::ConfigError);
        torch::optim::Adagrad adagrad(std::vector<at::Tensor>{p[0]});
        torch::optim::Adagrad from_the_begin(p);
        lit::add_param_group(adagrad, {p[1]});
        const at::Tensor before = p[1].detach().clone();
        step(adagrad, p, 0);
        const at::Tensor moved = p[1].detach().clone();
        p[1].detach().copy_(before);
        step(from_the_begin, p, 0);
        CHECK(torch::equal(p[1], moved));
    }
}
