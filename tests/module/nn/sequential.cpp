// SPDX-License-Identifier: Apache-2.0
// A static network beside the same layers of LibTorch's and autograd, which is the reference: bit for bit.
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/data/dataset.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/dropout.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/trainer/trainer.hpp>

#include "support/any_device.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/_efficientzerotensor.h>
#include <ATen/ops/_neg_view.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace nn = lit::nn;

/// The same first weights: one generator, one order.
template <class Made>
Made seeded(Made (*make)()) {
    torch::manual_seed(11);
    return make();
}
using Small = nn::Sequential<nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>>;
Small small() { return Small(); }
torch::nn::Sequential small_of_torch() {
    return torch::nn::Sequential(torch::nn::Linear(7, 5), torch::nn::ReLU(), torch::nn::Linear(5, 3));
}

/// How often LibTorch multiplies matrices meanwhile.
template <class F>
int products_in(F&& f) {
    static thread_local int count;
    count = 0;
    const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(
        [](const at::RecordFunction& called) -> std::unique_ptr<at::ObserverContext> {
            const std::string_view name = called.name();
            count += name == "aten::mm" || name == "aten::addmm" ? 1 : 0;
            return nullptr;
        }));
    f();
    at::removeCallback(handle);
    return count;
}

void same_gradients(torch::nn::Module& mine, torch::nn::Module& theirs) {
    const auto a = mine.named_parameters();
    const auto b = theirs.named_parameters();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(a[i].key());
        CHECK(a[i].key() == b[i].key());
        CHECK(torch::equal(a[i].value(), b[i].value()));
        REQUIRE(a[i].value().grad().defined());
        CHECK(torch::equal(a[i].value().grad(), b[i].value().grad()));
    }
}

struct StaticNet : lit::Module<StaticNet> {
    Small net = register_module("net", seeded(small));
    std::vector<float> losses;
    auto training_step(const lit::Example& batch) {
        auto step = net->step<nn::CrossEntropy>(batch.data, batch.target);
        losses.push_back(step.loss.item<float>());
        log<"loss">(step.loss, {.on_epoch = true});
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.05}}; }
};
struct AutogradNet : lit::Module<AutogradNet> {
    torch::nn::Sequential net = register_module("net", seeded(small_of_torch));
    std::vector<float> losses;
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(net->forward(batch.data), batch.target);
        losses.push_back(loss.item<float>());
        log<"loss">(loss, {.on_epoch = true});
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.05}}; }
};

std::vector<lit::Example> batches() {
    std::vector<lit::Example> all;
    for (const std::int64_t size : {6, 6, 6, 6, 2}) {
        all.push_back({at::randn({size, 7}), at::randint(3, {size}, at::kLong)});
    }
    return all;
}

template <class Precision, class... Components>
auto trainer(Precision precision, Components... components) {
    return lit::Trainer{lit::testing::any_device(), std::move(precision),
                        lit::TrainerOptions{.max_epochs = 3}, std::move(components)...};
}
template <class... Components>
void trains_alike(Components... components) {
    torch::manual_seed(3);
    const auto data = batches();
    StaticNet mine;
    AutogradNet theirs;
    auto first = trainer(lit::Fp32{}, components...);
    first.fit(mine, data);
    auto second = trainer(lit::Fp32{}, components...);
    second.fit(theirs, data);
    CHECK(mine.losses == theirs.losses);
    CHECK(first.callback_metrics().value("loss_epoch") == second.callback_metrics().value("loss_epoch"));
    const auto a = mine.parameters();
    const auto b = theirs.parameters();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(torch::equal(a[i], b[i]));
    }
}

}  // namespace

TEST_SUITE("module/nn/sequential") {
    TEST_CASE("first weights, names and outputs are those of LibTorch's layers") {
        Small mine = seeded(small);
        torch::nn::Sequential theirs = seeded(small_of_torch);
        const auto a = mine->named_parameters();
        const auto b = theirs->named_parameters();
        REQUIRE(a.size() == 4);
        for (std::size_t i = 0; i < a.size(); ++i) {
            CHECK(a[i].key() == b[i].key());
            CHECK(torch::equal(a[i].value(), b[i].value()));
        }
        const at::Tensor x = at::randn({4, 7});
        CHECK(torch::equal(mine->forward(x), theirs->forward(x)));
        CHECK(mine->forward(x).requires_grad());
        static_cast<void>(mine->step<nn::CrossEntropy>(x, at::zeros({4}, at::kLong)));
        CHECK(torch::equal(mine->output(), theirs->forward(x)));
    }

    TEST_CASE("losses and gradients are autograd's, for batches of any size, and add up") {
        Small mine = seeded(small);
        torch::nn::Sequential theirs = seeded(small_of_torch);
        torch::manual_seed(5);
        for (const std::int64_t size : {8, 8, 3, 1, 8}) {
            const at::Tensor x = at::randn({size, 7});
            at::Tensor target = at::randint(3, {size}, at::kLong);
            if (size == 3) {
                target[1] = -100;
            }
            const auto step = mine->step<nn::CrossEntropy>(x, target);
            const at::Tensor loss = torch::nn::functional::cross_entropy(theirs->forward(x), target);
            CHECK(torch::equal(step.loss, loss));
            CHECK_FALSE(step.loss.requires_grad());
            step.backward(0.5);
            (loss / 2).backward();
            same_gradients(*mine, *theirs);  // of all batches so far
        }
        mine->zero_grad();
        theirs->zero_grad();
        const at::Tensor x = at::randn({8, 7});
        const at::Tensor target = at::randn({8, 3});
        const auto step = mine->step<nn::MSELoss>(x, target);
        const at::Tensor loss = torch::nn::functional::mse_loss(theirs->forward(x), target);
        CHECK(torch::equal(step.loss, loss));
        step.backward();
        loss.backward();
        same_gradients(*mine, *theirs);
    }

    TEST_CASE("activations behind each other, without a bias, behind a view of the batch") {
        using Deep = nn::Sequential<nn::Shape<2, 3>, nn::Flatten, nn::Tanh, nn::Linear<6, 5, false>, nn::Tanh,
                                    nn::ReLU, nn::Sigmoid, nn::Linear<5, 4>, nn::Sigmoid>;
        torch::manual_seed(2);
        Deep mine;
        torch::manual_seed(2);
        torch::nn::Sequential theirs(torch::nn::Flatten(), torch::nn::Tanh(),
                                     torch::nn::Linear(torch::nn::LinearOptions(6, 5).bias(false)),
                                     torch::nn::Tanh(), torch::nn::ReLU(), torch::nn::Sigmoid(),
                                     torch::nn::Linear(5, 4), torch::nn::Sigmoid());
        const at::Tensor x = at::randn({9, 2, 3});
        const at::Tensor kept = x.clone();
        const at::Tensor target = at::rand({9, 4});
        const auto step = mine->step<nn::MSELoss>(x, target);
        const at::Tensor loss = torch::nn::functional::mse_loss(theirs->forward(x), target);
        CHECK(torch::equal(step.loss, loss));
        step.backward();
        loss.backward();
        same_gradients(*mine, *theirs);
        CHECK(torch::equal(x, kept));  // nothing was computed in the caller's batch
    }

    TEST_CASE("a parameter that is frozen gets no gradient") {
        Small mine = seeded(small);
        mine->parameters()[0].set_requires_grad(false);
        const auto step = mine->step<nn::CrossEntropy>(at::randn({4, 7}), at::zeros({4}, at::kLong));
        step.backward();
        CHECK_FALSE(mine->parameters()[0].grad().defined());
        CHECK(mine->parameters()[1].grad().defined());
    }

    TEST_CASE("a trainer trains it to the bit as it trains the same module with autograd") {
        trains_alike();
        trains_alike(lit::GradientAccumulation{2});
        trains_alike(lit::GradientAccumulation{{.batches = 2, .divide_by_real_size = true}},
                     lit::GradientClip{0.1});
    }

    TEST_CASE("a batch that does not fit, a second backward and autocast are refused") {
        Small net = seeded(small);
        const at::Tensor target = at::zeros({4}, at::kLong);
        CHECK_THROWS_WITH_AS(
            static_cast<void>(net->step<nn::CrossEntropy>(at::randn({4, 8}), target)),
            doctest::Contains(
                "found a batch of the sizes [4, 8], Float, on cpu; expected [batch, 7], Float, on cpu"),
            lit::ConfigError);
        CHECK_THROWS_AS(
            static_cast<void>(net->step<nn::CrossEntropy>(at::randn({4, 7}, at::kDouble), target)),
            lit::ConfigError);
        const auto step = net->step<nn::CrossEntropy>(at::randn({4, 7}), target);
        step.backward();
        CHECK_THROWS_WITH_AS(step.backward(), doctest::Contains("computed already"), lit::ConfigError);
        StaticNet module;
        auto mixed = trainer(lit::Bf16Mixed{});
        CHECK_THROWS_WITH_AS(mixed.fit(module, batches()), doctest::Contains("autocast is on"),
                             lit::ConfigError);
    }

    TEST_CASE("the gradients of a step before the last are refused") {
        Small net;
        const at::Tensor x = at::randn({4, 7}), target = at::randint(3, {4}, at::kLong);
        const auto first = net->step<nn::CrossEntropy>(x, target);
        const auto second = net->step<nn::CrossEntropy>(-x, target);
        CHECK_THROWS_WITH_AS(first.backward(), doctest::Contains("backward() of an earlier step"),
                             lit::ConfigError);
        CHECK_NOTHROW(second.backward());
    }

    TEST_CASE("what changes between a step and its gradients is refused, as autograd does") {
        const auto check = [](auto net) {
            at::Tensor x = at::randn({4, 7});
            at::Tensor target = at::randint(3, {4}, at::kLong);
            const auto refused = [&](auto&& change) {
                const auto step = net->template step<nn::CrossEntropy>(x, target);
                change();
                CHECK_THROWS_WITH_AS(step.backward(), doctest::Contains("was changed in place after step()"), lit::ConfigError);
            };
            refused([&] { x.mul_(2); });
            refused([&] { target.zero_(); });
            refused([&] {
                const at::NoGradGuard no_graph;
                net->parameters()[1].add_(1);
            });
            refused([&] { at::Tensor(net->output()).mul_(2); });
            const auto step = net->template step<nn::CrossEntropy>(x, target);
            step.backward();
            x.mul_(2);
            CHECK_NOTHROW(net->template step<nn::CrossEntropy>(x, target).backward());
        };
        check(Small());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>>());
    }

    TEST_CASE("graphs that have saved the output or a gradient notice that they are written to") {
        const auto check = [](auto net) {
            const at::Tensor x = at::randn({4, 7}), target = at::randint(3, {4}, at::kLong);
            static_cast<void>(net->template step<nn::CrossEntropy>(x, target));
            const at::Tensor head = at::randn({4, 3}).requires_grad_();
            const at::Tensor of_output = (head * net->output()).sum();
            net->template step<nn::CrossEntropy>(x, target).backward();
            CHECK_THROWS_WITH(of_output.backward(), doctest::Contains("modified by an inplace operation"));
            const at::Tensor bias = net->parameters()[1].grad();
            const at::Tensor of_gradient = (at::ones({5}).requires_grad_() * bias).sum();
            net->template step<nn::CrossEntropy>(x, target).backward();  // adds to it
            CHECK_THROWS_WITH(of_gradient.backward(), doctest::Contains("modified by an inplace operation"));
        };
        check(Small());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>>());
    }

    TEST_CASE("a batch that requires a gradient, and the network's own output, are refused") {
        const auto check = [](auto net) {
            const at::Tensor x = at::randn({4, 3}), target = at::randn({4, 3});
            const auto loss = [&](const at::Tensor& batch, const at::Tensor& wanted) {
                return net->template step<nn::MSELoss>(batch, wanted).loss;
            };
            at::Tensor asks = at::randn({4, 3}).requires_grad_();
            CHECK_THROWS_WITH_AS(static_cast<void>(loss(asks, target)), doctest::Contains("requires a gradient"), lit::ConfigError);
            CHECK_THROWS_WITH_AS(static_cast<void>(loss(x, asks)), doctest::Contains("requires a gradient"), lit::ConfigError);
            {
                const at::NoGradGuard evaluation;
                CHECK_NOTHROW(static_cast<void>(loss(asks, target)));
            }
            static_cast<void>(loss(x, target));
            CHECK_THROWS_WITH_AS(static_cast<void>(loss(net->output(), target)), doctest::Contains("memory of output()"),
                                 lit::ConfigError);
            const at::Tensor kept = net->output();
            CHECK_THROWS_WITH_AS(static_cast<void>(loss(x, kept)), doctest::Contains("memory of output()"), lit::ConfigError);
            CHECK(loss(x, kept.clone()).template item<float>() == 0.0F);
        };
        check(nn::Sequential<nn::Linear<3, 3>>());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<3, 3>>());
    }

    TEST_CASE("a view that is the negative of its memory, and zeros without memory, are taken for what they are") {
        const auto check = [](auto net) {
            const at::Tensor x = at::randn({4, 3}), target = at::randn({4, 3});
            const auto loss = [&](const at::Tensor& batch, const at::Tensor& wanted) {
                return net->template step<nn::MSELoss>(batch, wanted).loss.template item<float>();
            };
            CHECK(loss(at::_neg_view(x), target) == doctest::Approx(loss(-x, target)));
            CHECK(loss(x, at::_neg_view(target)) == doctest::Approx(loss(x, -target)));
            CHECK(loss(at::_efficientzerotensor({4, 3}), target) == doctest::Approx(loss(at::zeros({4, 3}), target)));
        };
        check(nn::Sequential<nn::Linear<3, 3>>());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<3, 3>>());
    }

    TEST_CASE("a square weight that becomes its own transpose is seen") {
        nn::Sequential<nn::Linear<5, 5>> net;
        const at::Tensor x = at::randn({4, 5}), target = at::randn({4, 5});
        static_cast<void>(net->step<nn::MSELoss>(x, target));
        net->parameters()[0].set_data(net->parameters()[0].detach().t());
        CHECK(torch::equal(net->step<nn::MSELoss>(x, target).loss, torch::nn::functional::mse_loss(net->forward(x), target)));
    }

    TEST_CASE("a batch of nothing is computed in the type that the network has now") {
        nn::Sequential<nn::Linear<3, 4>, nn::ReLU, nn::Linear<4, 2>> net;
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            net->to(type);
            net->zero_grad();
            const auto loss = net->step<nn::CrossEntropy>(at::zeros({0, 3}, type), at::zeros({0}, at::kLong));
            loss.backward();
            const bool in_type = net->named_parameters()["0.weight"].grad().scalar_type() == type;
            CHECK(in_type);
        }
    }

    TEST_CASE("after a batch that memory did not suffice for, a smaller one is computed") {
        constexpr std::int64_t wide = std::int64_t{1} << 20;
        nn::Sequential<nn::OwnKernels, nn::Linear<1, wide>, nn::ReLU, nn::Linear<wide, 1>> net;
        const auto loss = [&](std::int64_t batch) {
            return net->step<nn::MSELoss>(at::ones({batch, 1}), at::zeros({batch, 1})).loss.item<float>();
        };
        const float wanted = loss(2);
        CHECK_THROWS_AS(static_cast<void>(loss(wide)), std::bad_alloc);  // 4 TB
        CHECK(loss(64) == doctest::Approx(wanted));
    }

    TEST_CASE("a target of squares of other sizes than the output is refused") {
        nn::Sequential<nn::Linear<4, 1>> aten;
        nn::Sequential<nn::OwnKernels, nn::Linear<4, 1>> own;
        const at::Tensor x = at::randn({8, 4});
        const std::string said = "found a target of the sizes [8]; expected those of the output, [8, 1]";
        CHECK_THROWS_WITH_AS(static_cast<void>(aten->step<nn::MSELoss>(x, at::randn({8}))),
                             doctest::Contains(said.c_str()), lit::ConfigError);
        CHECK_THROWS_WITH_AS(static_cast<void>(own->step<nn::MSELoss>(x, at::randn({8}))),
                             doctest::Contains(said.c_str()), lit::ConfigError);
    }

    TEST_CASE("a gradient that somebody kept stays what it was") {
        const auto check = [](auto net) {
            torch::manual_seed(6);
            const at::Tensor target = at::randint(3, {4}, at::kLong);
            net->template step<nn::CrossEntropy>(at::randn({4, 7}), target).backward();
            std::vector<at::Tensor> kept, copies;
            for (const at::Tensor& parameter : net->parameters()) {
                kept.push_back(parameter.grad());
                copies.push_back(parameter.grad().clone());
            }
            net->zero_grad();
            net->template step<nn::CrossEntropy>(at::randn({4, 7}), target).backward();
            for (std::size_t i = 0; i < kept.size(); ++i) {
                CHECK(at::equal(kept[i], copies[i]));
                CHECK(!at::equal(kept[i], net->parameters()[i].grad()));
            }
        };
        check(Small());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>>());
    }

    TEST_CASE("a step in inference mode leaves nothing behind that a training step cannot write") {
        const auto check = [](auto net) {
            const at::Tensor target = at::randint(3, {4}, at::kLong);
            {
                const c10::InferenceMode evaluation;
                static_cast<void>(net->template step<nn::CrossEntropy>(at::randn({4, 7}), target));
            }
            const auto step = net->template step<nn::CrossEntropy>(at::randn({4, 7}), target);
            step.backward();
            CHECK(!step.loss.is_inference());
            CHECK(!net->output().is_inference());
            CHECK_NOTHROW(net->parameters()[0].grad().add_(1));
        };
        check(nn::Sequential<nn::Linear<7, 5>, nn::Dropout<0.5>, nn::ReLU, nn::Linear<5, 3>>());
        check(nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::Dropout<0.5>, nn::Linear<5, 3>>());
    }

    TEST_CASE("a batch that is not contiguous is copied, and other weights are seen") {
        Small mine = seeded(small);
        torch::nn::Sequential theirs = seeded(small_of_torch);
        const at::Tensor x = at::randn({7, 4}).t();
        const at::Tensor target = at::zeros({4}, at::kLong);
        for (int i = 0; i < 2; ++i) {
            const at::Tensor loss =
                torch::nn::functional::cross_entropy(theirs->forward(x.contiguous()), target);
            CHECK(torch::equal(mine->step<nn::CrossEntropy>(x, target).loss, loss));
            // A move to another device gives a parameter other storage; so does this.
            mine->to(at::kDouble);
            mine->to(at::kFloat);
        }
    }

    TEST_CASE(
        "nobody computes the gradient of the batch, whatever stands before the first layer that learns") {
        const auto products = [](auto net, const at::Tensor& x) {
            const auto step = net->template step<nn::CrossEntropy>(x, at::zeros({4}, at::kLong));
            return products_in([&] { step.backward(); });
        };
        const at::Tensor x = at::rand({4, 2, 3});
        // Of the two weights, and of what lies between them.
        CHECK(products(nn::Sequential<nn::Linear<6, 5>, nn::ReLU, nn::Linear<5, 3>>(), x.flatten(1)) == 3);
        CHECK(
            products(
                nn::Sequential<nn::Shape<2, 3>, nn::Flatten, nn::Linear<6, 5>, nn::ReLU, nn::Linear<5, 3>>(),
                x) == 3);
        CHECK(products(nn::Sequential<nn::Shape<2, 3>, nn::Flatten, nn::Dropout<>, nn::Tanh, nn::Linear<6, 5>,
                                      nn::ReLU, nn::Linear<5, 3>>(),
                       x) == 3);
    }
}
