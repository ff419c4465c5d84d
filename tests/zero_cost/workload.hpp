// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/backward.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <ATen/ops/randint.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <utility>
#include <vector>

/// The same small training by hand and by the trainer: the reference is the loop that one writes on LibTorch with the same
/// optimizer on the same batches. A `Meter` is started before step `warm_up`, and stopped after the last one.
namespace zero_cost {

constexpr std::int64_t warm_up = 20;

/// `Logs`: two values of each step, as most modules do.
template <class Meter, bool Logs = false>
struct Net : lit::Module<Net<Meter, Logs>> {
    torch::nn::Linear in{nullptr}, out{nullptr};

    Net() {
        in = this->register_module("in", torch::nn::Linear(784, 64));
        out = this->register_module("out", torch::nn::Linear(64, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x))); }
    torch::Tensor training_step(const lit::Example& batch, std::int64_t batch_idx) {
        if (batch_idx == warm_up) {
            Meter::start();
        }
        torch::Tensor loss = torch::nn::functional::cross_entropy(forward(batch.data), batch.target);
        if constexpr (Logs) {
            this->template log<"train_loss">(loss, {.prog_bar = true});
            this->template log<"batch">(batch_idx);
        }
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-3}}; }
};

/// The same network with its layers as types, whose step needs no autograd.
template <class Meter, class Kernels = lit::nn::AtenKernels>
struct StaticNet : lit::Module<StaticNet<Meter, Kernels>> {
    using Layers = lit::nn::Sequential<Kernels, lit::nn::Linear<784, 64>, lit::nn::ReLU, lit::nn::Linear<64, 10>>;
    Layers layers = this->register_module("layers", Layers());

    auto training_step(const lit::Example& batch, std::int64_t batch_idx) {
        if (batch_idx == warm_up) {
            Meter::start();
        }
        return layers->template step<lit::nn::CrossEntropy>(batch.data, batch.target);
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-3}}; }
};

/// A callback that listens to nothing a training step does.
template <int>
struct Idle {
    std::int64_t ends = 0;
    void on_fit_end(auto&, auto&) { ++ends; }
};

inline std::vector<lit::Example> batches(std::int64_t count) {
    std::vector<lit::Example> all;
    const auto x = torch::rand({32, 784});
    const auto y = at::randint(10, {32}, at::kLong);
    for (std::int64_t i = 0; i < count; ++i) {
        all.push_back({x, y});
    }
    return all;
}

/// What computes the gradients of a loop by hand that knows nothing of lit::Backward.
struct Engine {
    void operator()(const torch::Tensor& loss) const { loss.backward(); }
};

template <class Meter, class Backward = lit::Backward>
void by_hand(const std::vector<lit::Example>& data) {
    Net<Meter> net;
    lit::AdamW optimizer{net.parameters(), {.lr = 1e-3}};
    Backward backward;
    net.train();
    for (std::int64_t step = 0; step < static_cast<std::int64_t>(data.size()); ++step) {
        const torch::Tensor loss = net.training_step(data[static_cast<std::size_t>(step)], step);
        optimizer.zero_grad();
        backward(loss);
        optimizer.step();
    }
    Meter::stop();
}

template <class Meter>
struct Stop {
    void on_train_end(auto&, auto&) { Meter::stop(); }
};

template <class Meter, class Module = Net<Meter>, class... Components>
void by_trainer(const std::vector<lit::Example>& data, Components... components) {
    Module net;
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, Stop<Meter>{}, std::move(components)...};
    trainer.fit(net, data);
}

/// With `I...` callbacks that listen to nothing.
template <class Meter, int... I>
void by_trainer_with_idle(const std::vector<lit::Example>& data, std::integer_sequence<int, I...> /*each*/) {
    by_trainer<Meter>(data, Idle<I>{}...);
}

}  // namespace zero_cost
