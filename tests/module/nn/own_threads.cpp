// SPDX-License-Identifier: Apache-2.0
#include <lit/module/nn.hpp>

#include "module/nn/own_kernels.hpp"
#include "support/doctest.hpp"
#include "support/threads.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

namespace nn = lit::nn;
using lit::testing::Threads;

/// The loss, the output, the gradients and the buffers of two steps of a new network of these weights.
template <class Net>
std::vector<at::Tensor> steps(const std::vector<at::Tensor>& weights, const at::Tensor& x,
                              const at::Tensor& target) {
    Net net;
    {
        const at::NoGradGuard no_graph;
        const auto parameters = net->parameters();
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            parameters[i].copy_(weights[i]);
        }
    }
    std::vector<at::Tensor> all;
    for (int i = 0; i < 2; ++i) {
        const auto step = net->template step<nn::CrossEntropy>(x, target);
        all.push_back(step.loss.clone());
        all.push_back(net->output().clone());
        step.backward();
    }
    for (const at::Tensor& parameter : net->parameters()) {
        all.push_back(parameter.grad().clone());
    }
    const auto buffers = net->buffers();
    all.insert(all.end(), buffers.begin(), buffers.end());
    return all;
}
template <class Net>
void same_in_any_number_of_threads(const at::Tensor& x) {
    const at::Tensor target = at::randint(10, {x.size(0)}, at::kLong);
    const std::vector<at::Tensor> weights = Net()->parameters();
    std::vector<at::Tensor> alone;
    {
        const Threads one(1);
        alone = steps<Net>(weights, x, target);
    }
    for (const int count : {2, 3, 7}) {
        CAPTURE(count);
        const Threads several(count);
        const std::vector<at::Tensor> found = steps<Net>(weights, x, target);
        REQUIRE(found.size() == alone.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            CAPTURE(i);
            CHECK(at::equal(found[i], alone[i]));
        }
    }
}

}  // namespace

TEST_SUITE("lit::nn::OwnKernels in threads") {
    TEST_CASE("a network gives the same numbers to the bit, however many threads there are") {
        same_in_any_number_of_threads<
            nn::Sequential<nn::OwnKernels, nn::Linear<300, 130>, nn::ReLU, nn::LayerNorm<130>,
                           nn::Linear<130, 70>, nn::Tanh, nn::BatchNorm1d<70>, nn::Linear<70, 10>>>(
            at::randn({571, 300}));
    }

    TEST_CASE("so does one whose layers are wider than the batch is long") {
        same_in_any_number_of_threads<nn::Sequential<nn::OwnKernels, nn::Linear<301, 130>, nn::ReLU,
                                                     nn::Linear<130, 67>, nn::Tanh, nn::Linear<67, 10>>>(
            at::randn({64, 301}));
    }

    TEST_CASE("so does one of pictures") {
        same_in_any_number_of_threads<
            nn::Sequential<nn::OwnKernels, nn::Shape<1, 28, 28>, nn::Conv2d<1, 8, 3, 1, 1>,
                           nn::BatchNorm2d<8>, nn::GELU, nn::MaxPool2d<2>, nn::Conv2d<8, 11, 3, 2, 1>,
                           nn::ReLU, nn::AvgPool2d<2, 1>, nn::Flatten, nn::Linear<11 * 6 * 6, 10>>>(
            at::randn({67, 1, 28, 28}));
    }
}
