// SPDX-License-Identifier: Apache-2.0
// What single layers of a static network cost in a step, forwards and backwards, on one core: with ATen's kernels and with its own,
// beside the same network of LibTorch's layers with autograd, in turns. Each stands between two linear layers, or behind a convolution,
// and what these cost by themselves is measured beside it. Whole networks are measured in all threads, too.
#include <lit/core/seed.hpp>
#include <lit/module/nn.hpp>
#include <lit/optim/backward.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/pooling.h>

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
constexpr std::int64_t warm_up = 20;
constexpr std::int64_t in = 16, hidden = 64, out = 4, batch = 32;
constexpr std::int64_t side = 28, channels = 8;

torch::nn::Conv2d conv(std::int64_t from, std::int64_t to) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(from, to, 3).padding(1));
}

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

/// `Own...` are the layers of the static network, `theirs` those of LibTorch.
template <class... Own, class... Theirs>
void whole(const std::string& name, const at::Tensor& x, std::int64_t steps, const Theirs&... theirs) {
    const at::Tensor target = at::randint(out, {x.size(0)}, at::kLong);
    lit::seed_everything(1);
    torch::nn::Sequential autograd(theirs...);
    nn::Sequential<Own...> aten;
    nn::Sequential<nn::OwnKernels, Own...> own;
    lit::Backward backward;
    for (int round = 0; round < rounds; ++round) {
        report(name + ", autograd",
               timed(*autograd, 2 * steps,
                     [&] { backward(torch::nn::functional::cross_entropy(autograd->forward(x), target)); }),
               "us a step");
        report(name + ", static",
               timed(*aten, 5 * steps, [&] { aten->template step<nn::CrossEntropy>(x, target).backward(); }),
               "us a step");
        report(name + ", static with own kernels",
               timed(*own, 10 * steps, [&] { own->template step<nn::CrossEntropy>(x, target).backward(); }),
               "us a step");
    }
    report(name + ", own kernels, times the rate of ATen's",
           median(name + ", static") / median(name + ", static with own kernels"), "");
}
/// Of layers between two linear ones.
template <class... Own, class... Theirs>
void measure(const std::string& name, const Theirs&... theirs) {
    whole<nn::Linear<in, hidden>, Own..., nn::Linear<hidden, out>>(name, at::rand({batch, in}), 1000,
                                                                   torch::nn::Linear(in, hidden), theirs...,
                                                                   torch::nn::Linear(hidden, out));
}
/// Of layers after a convolution, with a linear one of `Features` numbers behind them.
template <std::int64_t Features, class... Own, class... Theirs>
void measure_pictures(const std::string& name, const Theirs&... theirs) {
    whole<nn::Shape<1, side, side>, nn::Conv2d<1, channels, 3, 1, 1>, Own..., nn::Flatten,
          nn::Linear<Features, out>>(name, at::rand({batch, 1, side, side}), 50, conv(1, channels), theirs...,
                                     torch::nn::Flatten(), torch::nn::Linear(Features, out));
}

/// Networks with enough to compute for more than one thread; `where` goes with their names.
void whole_networks(const std::string& where) {
    whole<nn::Linear<784, 128>, nn::ReLU, nn::Linear<128, out>>(
        "784-128-4, batch 64" + where, at::rand({64, 784}), 100, torch::nn::Linear(784, 128),
        torch::nn::ReLU(), torch::nn::Linear(128, out));
    constexpr std::int64_t numbers = channels * side * side;
    measure_pictures<numbers / 8, nn::BatchNorm2d<channels>, nn::ReLU, nn::MaxPool2d<2>,
                     nn::Conv2d<channels, 2 * channels, 3, 1, 1>, nn::ReLU, nn::MaxPool2d<2>>(
        "two convolutions" + where, torch::nn::BatchNorm2d(channels), torch::nn::ReLU(),
        torch::nn::MaxPool2d(2), conv(channels, 2 * channels), torch::nn::ReLU(), torch::nn::MaxPool2d(2));
    whole<nn::Shape<1, side, side>, nn::Conv2d<1, 16, 3, 1, 1>, nn::ReLU, nn::MaxPool2d<2>,
          nn::Conv2d<16, 32, 3, 1, 1>, nn::ReLU, nn::MaxPool2d<2>, nn::Flatten, nn::Linear<1568, 128>,
          nn::ReLU, nn::Linear<128, out>>(
        "the demo's layers, batch 128" + where, at::rand({128, 1, side, side}), 5, conv(1, 16),
        torch::nn::ReLU(), torch::nn::MaxPool2d(2), conv(16, 32), torch::nn::ReLU(), torch::nn::MaxPool2d(2),
        torch::nn::Flatten(), torch::nn::Linear(1568, 128), torch::nn::ReLU(), torch::nn::Linear(128, out));
}

}  // namespace

int main() {
    whole_networks(", in " + std::to_string(at::get_num_threads()) + " threads");
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
    constexpr std::int64_t numbers = channels * side * side;
    measure_pictures<numbers>("Conv2d");
    measure_pictures<numbers, nn::BatchNorm2d<channels>>("Conv2d, BatchNorm2d",
                                                         torch::nn::BatchNorm2d(channels));
    measure_pictures<numbers / 4, nn::MaxPool2d<2>>("Conv2d, MaxPool2d", torch::nn::MaxPool2d(2));
    measure_pictures<numbers / 4, nn::AvgPool2d<2>>("Conv2d, AvgPool2d", torch::nn::AvgPool2d(2));
    whole_networks("");
}
