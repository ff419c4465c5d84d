// SPDX-License-Identifier: Apache-2.0
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/module/nn.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/ddp.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "collectives/thread_ranks.hpp"
#include "support/doctest.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

/// Steps that compute their gradients without autograd, on several ranks.
namespace {

namespace nn = lit::nn;
using lit::testing::rethrow_first;
using lit::testing::run_thread_ranks;

template <class Self>
struct Base : lit::Module<Self> {
    using Layers = nn::Sequential<nn::Linear<6, 12>, nn::BatchNorm1d<12>, nn::ReLU, nn::Linear<12, 4>>;
    Layers net = this->register_module("net", Layers());
    std::int64_t after_backward = 0;

    void on_after_backward() { ++after_backward; }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-2}}; }
};
struct ByAutograd : Base<ByAutograd> {
    at::Tensor training_step(const lit::Example& batch) {
        return torch::nn::functional::cross_entropy(net->forward(batch.data), batch.target);
    }
};
struct Static : Base<Static> {
    auto training_step(const lit::Example& batch) { return net->step<nn::CrossEntropy>(batch.data, batch.target); }
};
struct ByHand : Base<ByHand> {
    static constexpr bool automatic_optimization = false;
    void training_step(auto& trainer, const lit::Example& batch) {
        auto& optimizer = trainer.optimizers();
        optimizer.zero_grad();
        trainer.manual_backward(net->step<nn::CrossEntropy>(batch.data, batch.target));
        optimizer.step();
    }
};

/// Scales the loss by a power of two, which loses no bit; the optimizer steps with what was scaled.
struct Scaled : lit::Fp32 {
    [[nodiscard]] static at::Tensor scale(const at::Tensor& loss) { return loss * 1024; }
};

/// The modules of two ranks, trained with data of their own.
template <class M, class... Callbacks>
std::vector<std::unique_ptr<M>> trained(const Callbacks&... callbacks) {
    std::vector<std::unique_ptr<M>> modules;
    std::vector<std::vector<lit::Example>> data(2);
    torch::manual_seed(3);
    for (std::vector<lit::Example>& batches : data) {
        modules.push_back(std::make_unique<M>());  // other weights on the second one, which are rank 0's in the run
        for (int i = 0; i < 5; ++i) {
            batches.push_back({at::randn({8, 6}), at::randint(4, {8}, at::kLong)});
        }
    }
    rethrow_first(run_thread_ranks(2, [&](lit::ProcessGroupCollective& ranks) {
        const auto rank = static_cast<std::size_t>(ranks.rank());
        lit::Trainer trainer{lit::DDP({}, ranks), lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}, Callbacks(callbacks)...};
        trainer.fit(*modules[rank], data[rank]);
    }));
    return modules;
}
template <class A, class B>
void check_equal(const A& found, const B& expected) {
    for (const auto& parameter : found.named_parameters()) {
        CAPTURE(parameter.key());
        CHECK(at::equal(parameter.value(), expected.named_parameters()[parameter.key()]));
    }
}
template <class A, class B>
void check_same(const std::vector<std::unique_ptr<A>>& found, const std::vector<std::unique_ptr<B>>& expected) {
    check_equal(*found[0], *found[1]);
    for (std::size_t rank = 0; rank < 2; ++rank) {
        CAPTURE(rank);
        check_equal(*found[rank], *expected[rank]);
        for (const auto& buffer : found[rank]->named_buffers()) {
            CAPTURE(buffer.key());
            CHECK(at::equal(buffer.value(), expected[rank]->named_buffers()[buffer.key()]));
        }
        CHECK(found[rank]->after_backward == expected[rank]->after_backward);
    }
}

}  // namespace

TEST_SUITE("loops/own_gradients") {
    TEST_CASE("a static network's gradients are averaged over the ranks, to the bit as those of autograd") {
        check_same(trained<Static>(), trained<ByAutograd>());
    }

    TEST_CASE("so they are at the end of a window, and inside of one they stay on their rank") {
        const lit::GradientAccumulation windows(2);
        const lit::GradientClip clip(0.1);
        check_same(trained<Static>(windows, clip), trained<ByAutograd>(windows, clip));
    }

    TEST_CASE("manual_backward takes a static network's step, and averages its gradients") {
        check_same(trained<ByHand>(), trained<Static>());
    }

    TEST_CASE("a precision that scales the loss scales these gradients too") {
        std::vector<lit::Example> data{{at::randn({8, 6}), at::randint(4, {8}, at::kLong)},
                                       {at::randn({8, 6}), at::randint(4, {8}, at::kLong)}};
        const auto trained = [&]<class M>(std::type_identity<M>, auto precision, auto... components) {
            torch::manual_seed(4);
            auto module = std::make_unique<M>();
            lit::Trainer{lit::SingleDevice{}, precision, lit::TrainerOptions{.max_epochs = 2}, components...}.fit(*module, data);
            return module;
        };
        const auto automatic = trained(std::type_identity<ByAutograd>(), Scaled{}, lit::GradientAccumulation(2));
        check_equal(*trained(std::type_identity<Static>(), Scaled{}, lit::GradientAccumulation(2)), *automatic);
        check_equal(*trained(std::type_identity<ByHand>(), Scaled{}), *trained(std::type_identity<Static>(), Scaled{}));
    }

    TEST_CASE("one process computes as without a strategy of several") {
        torch::manual_seed(3);
        std::vector<lit::Example> data{{at::randn({8, 6}), at::randint(4, {8}, at::kLong)},
                                       {at::randn({8, 6}), at::randint(4, {8}, at::kLong)}};
        torch::manual_seed(4);
        Static alone, with_ddp;
        {
            const at::NoGradGuard no_graph;
            for (const auto& parameter : with_ddp.named_parameters()) {
                parameter.value().copy_(alone.named_parameters()[parameter.key()]);
            }
        }
        lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}}.fit(alone, data);
        lit::Trainer{lit::DDP({}, lit::ProcessGroupCollective()), lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}}
            .fit(with_ddp, data);
        check_equal(with_ddp, alone);
    }
}
