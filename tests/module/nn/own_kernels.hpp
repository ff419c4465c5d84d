// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>

#include "support/doctest.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

/// What the tests of own kernels share.
namespace own_kernels {

namespace nn = lit::nn;

inline std::vector<float> drawn(std::int64_t count) {
    const at::Tensor values = at::randn({count});
    const float* data = static_cast<const float*>(values.const_data_ptr());
    return {data, data + count};
}
inline double largest(const at::Tensor& values) { return values.abs().max().item<double>(); }
/// How far two results lie apart, as a part of the largest number.
inline double off(const at::Tensor& found, const at::Tensor& expected) {
    const double all = largest(expected);
    return largest(found.to(at::kDouble) - expected.to(at::kDouble)) / (all > 0.0 ? all : 1.0);
}
inline at::Tensor tensor(const std::vector<float>& values) { return at::tensor(values); }

/// A step of a batch of nothing, of samples of these sizes: no loss, and gradients of 0.
template <class Net>
void takes_nothing(Net& net, std::vector<std::int64_t> sizes) {
    sizes.insert(sizes.begin(), 0);
    const auto step = net->template step<nn::CrossEntropy>(at::empty(sizes), at::empty({0}, at::kLong));
    CHECK(std::isnan(step.loss.template item<float>()));
    step.backward();
    for (const auto& parameter : net->named_parameters()) {
        CAPTURE(parameter.key());
        CHECK(at::equal(parameter.value().grad(), at::zeros_like(parameter.value())));
    }
    net->zero_grad();
}
/// Freezes parameters, takes a step, and looks who has a gradient.
template <class Head, class Net>
void freezes(Net& net, const std::vector<std::string>& frozen, const at::Tensor& x,
             const at::Tensor& target) {
    for (const std::string& name : frozen) {
        net->named_parameters()[name].set_requires_grad(false);
    }
    net->template step<Head>(x, target).backward();
    for (const auto& parameter : net->named_parameters()) {
        CAPTURE(parameter.key());
        CHECK(parameter.value().grad().defined() == parameter.value().requires_grad());
    }
}

/// A network with ATen's kernels and the same with its own, of the same weights.
template <class... Layers>
struct Pair {
    nn::Sequential<Layers...> aten;
    nn::Sequential<nn::OwnKernels, Layers...> own;
    /// Whether gradients may be off by a part of the network's largest one, not of their own: of sums of thousands of numbers that nearly
    /// cancel, as before a batch norm, nothing else can be asked.
    bool as_a_whole = false;

    explicit Pair(bool gradients_as_a_whole = false) : as_a_whole(gradients_as_a_whole) {
        const at::NoGradGuard no_graph;
        const auto from = aten->named_parameters();
        for (const auto& to : own->named_parameters()) {
            to.value().copy_(from[to.key()]);  // the names are the same
        }
    }
    /// Of the loss, the output, every gradient and buffer, and that the batch stays what it was; `between` is called with each network
    /// between the step and its gradients.
    template <class Head>
    void compare(
        const at::Tensor& x, const at::Tensor& target, double scale = 1.0,
        void (*between)(torch::nn::Module&) = [](torch::nn::Module& /*net*/) {}) {
        const at::Tensor kept = x.clone();
        const auto seed =
            static_cast<std::uint64_t>(at::randint(1'000'000, {1}, at::kLong).item<std::int64_t>());
        torch::manual_seed(seed);
        const auto theirs = aten->template step<Head>(x, target);
        const at::Tensor drawn_next = at::rand({3});
        torch::manual_seed(seed);
        const auto mine = own->template step<Head>(x, target);
        CHECK(at::equal(at::rand({3}), drawn_next));
        CHECK(off(mine.loss, theirs.loss) < 1e-6);
        CHECK(off(own->output(), aten->output()) < 1e-6);
        between(*aten);
        between(*own);
        theirs.backward(scale);
        mine.backward(scale);
        double of_network = 0.0;
        for (const at::Tensor& parameter : aten->parameters()) {
            of_network = std::max(of_network, largest(parameter.grad()));
        }
        for (const auto& parameter : own->named_parameters()) {
            CAPTURE(parameter.key());
            REQUIRE(parameter.value().grad().defined());
            const at::Tensor expected = aten->named_parameters()[parameter.key()].grad();
            if (as_a_whole) {
                CHECK(largest(parameter.value().grad() - expected) < 4e-6 * of_network);
            } else {
                CHECK(off(parameter.value().grad(), expected) < 1e-6);
            }
        }
        for (const auto& buffer : own->named_buffers()) {
            CAPTURE(buffer.key());
            CHECK(off(buffer.value(), aten->named_buffers()[buffer.key()]) < 1e-6);
        }
        CHECK(at::equal(x, kept));
    }
};

}  // namespace own_kernels
