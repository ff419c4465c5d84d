// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/grouped_optimizer.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sgd.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace lit {

struct SGDOptions {
    double lr = 1e-3;
    double momentum = 0.0;
    double dampening = 0.0;
    double weight_decay = 0.0;
    bool nesterov = false;
    bool maximize = false;
    bool fused = true;  ///< one kernel call per step; false is Python's default arithmetic
};

namespace detail {

struct SGDAlgorithm {
    using Options = SGDOptions;
    static constexpr std::string_view name = "SGD";
    static constexpr std::array<std::string_view, 1> state_names{"momentum_buffer"};
    static constexpr bool counts_steps = false;
    static constexpr bool first_step_differs = true;  // the buffer starts as the gradient, dampening or not

    static void check(const Options& o) {
        require_option(o.lr >= 0.0, name, "lr", o.lr, "0 or more");
        require_option(o.momentum >= 0.0, name, "momentum", o.momentum, "0 or more");
        require_option(o.weight_decay >= 0.0, name, "weight_decay", o.weight_decay, "0 or more");
        if (o.nesterov && (o.momentum <= 0.0 || o.dampening != 0.0)) {
            throw ConfigError("SGD: nesterov needs a momentum above 0 and a dampening of 0.");
        }
    }
    static bool keeps(const Options& o, std::size_t /*state*/) { return o.momentum != 0.0; }
    static double momentum(const Options& o) { return o.momentum; }

    static Dict pack(const Options& o) {
        return {{"lr", o.lr},
                {"momentum", o.momentum},
                {"dampening", o.dampening},
                {"weight_decay", o.weight_decay},
                {"nesterov", o.nesterov},
                {"maximize", o.maximize},
                {"foreach", nullptr},
                {"differentiable", false},
                {"fused", o.fused ? Value(true) : Value()}};
    }
    static void unpack(Options& o, const Dict& group) {
        take(group, "lr", o.lr);
        take(group, "momentum", o.momentum);
        take(group, "dampening", o.dampening);
        take(group, "weight_decay", o.weight_decay);
        take(group, "nesterov", o.nesterov);
        take(group, "maximize", o.maximize);
        take(group, "fused", o.fused);
    }

    static void fused(const Options& o, KernelLists<1>& lists, bool first) {
        at::_fused_sgd_(lists.params, lists.grads, lists.states[0], o.weight_decay, o.momentum, o.lr,
                        o.dampening, o.nesterov, o.maximize, first);
    }

    static void plain(const Options& o, const SingleUpdate<1>& update) {
        at::Tensor grad = o.maximize ? update.grad.neg() : update.grad;
        if (o.weight_decay != 0.0) {
            grad = grad.add(update.param, o.weight_decay);
        }
        if (o.momentum != 0.0) {
            const at::Tensor& buffer = *update.states[0];
            if (update.first) {
                buffer.copy_(grad);
            } else {
                buffer.mul_(o.momentum).add_(grad, 1 - o.dampening);
            }
            grad = o.nesterov ? grad.add(buffer, o.momentum) : buffer;
        }
        update.param.add_(grad, -o.lr);
    }
};

}  // namespace detail

/// Stochastic gradient descent, with momentum if wanted:
/// `lit::SGD{parameters(), {.lr = 0.1, .momentum = 0.9}}`.
///
/// Errors  ConfigError on construction: a setting out of range, no parameters, one that is given twice or no
///         leaf.
/// Cost    one kernel call per step, device and type; `fused = false` some calls per parameter.
/// Source  `torch.optim.SGD`, same names and defaults; bit-equal to it on the CPU with the same `fused`.
///         Sparse gradients, `foreach` and `differentiable` are not offered.
struct SGD : detail::GroupedOptimizer<detail::SGDAlgorithm> {
    using GroupedOptimizer::GroupedOptimizer;
};
static_assert(OptimizerPolicy<SGD>);

}  // namespace lit
