// SPDX-License-Identifier: Apache-2.0
// What single layers of a static network cost in a step, forwards and backwards, on one core: with ATen's kernels and with its own,
// beside the same network of LibTorch's layers with autograd, in turns. Each stands between two linear layers, and what these cost by
// themselves is measured beside it.
#include <lit/core/seed.hpp>
#include <lit/module/nn.hpp>
#include <lit/optim/backward.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

namespace nn = lit::nn;
using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 9;
constexpr std::int64_t warm_up = 200;
constexpr std::int64_t in = 16, hidden = 64, out = 4, batch = 32;

/// Microseconds of a step, which begins without gradients.
template <class Step>
double timed(torch::nn::Module& net, std::int64_t steps, Step&& step) {
    std::vector<at::Tensor> parameters = net.parameters();
    Clock::time_point begin;
    for (std::int64_t i = -warm_up; i < steps; ++i) {
        if (i == 0) {
            begin = Clock::now();
        }
        for (at::Tensor& parameter : parameters) {
            parameter.mutable_grad().reset();
        }
        step();
    }
    return std::chrono::duration<double>(Clock::now() - begin).count() / static_cast<double>(steps) * 1e6;
}

/// `Own...` are the layers of the static network between the two linear ones, `theirs` those of LibTorch.
template <class... Own, class... Theirs>
void measure(const std::string& name, const Theirs&... theirs) {
    const at::Tensor x = at::rand({batch, in});
    const at::Tensor target = at::randint(out, {batch}, at::kLong);
    lit::seed_everything(1);
    torch::nn::Sequential autograd(torch::nn::Linear(in, hidden), theirs..., torch::nn::Linear(hidden, out));
    nn::Sequential<nn::Linear<in, hidden>, Own..., nn::Linear<hidden, out>> aten;
    nn::Sequential<nn::OwnKernels, nn::Linear<in, hidden>, Own..., nn::Linear<hidden, out>> own;
    lit::Backward backward;
    for (int round = 0; round < rounds; ++round) {
        report(name + ", autograd",
               timed(*autograd, 2000,
                     [&] { backward(torch::nn::functional::cross_entropy(autograd->forward(x), target)); }),
               "us a step");
        report(name + ", static",
               timed(*aten, 5000, [&] { aten->template step<nn::CrossEntropy>(x, target).backward(); }),
               "us a step");
        report(name + ", static with own kernels",
               timed(*own, 10'000, [&] { own->template step<nn::CrossEntropy>(x, target).backward(); }),
               "us a step");
    }
    report(name + ", own kernels, times the rate of ATen's",
           median(name + ", static") / median(name + ", static with own kernels"), "");
}

}  // namespace

int main() {
    lit_bench::stay_on_one_core();
    at::set_num_threads(1);
    measure<>("two linear layers");
    measure<nn::ReLU>("ReLU", torch::nn::ReLU());
    measure<nn::Tanh>("Tanh", torch::nn::Tanh());
    measure<nn::Sigmoid>("Sigmoid", torch::nn::Sigmoid());
    measure<nn::GELU>("GELU", torch::nn::GELU());
    measure<nn::LayerNorm<hidden>>("LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden})));
    measure<nn::Dropout<0.1>>("Dropout", torch::nn::Dropout(0.1));
    measure<nn::LayerNorm<hidden>, nn::GELU, nn::Dropout<0.1>>(
        "LayerNorm, GELU, Dropout", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden})),
        torch::nn::GELU(), torch::nn::Dropout(0.1));
}
