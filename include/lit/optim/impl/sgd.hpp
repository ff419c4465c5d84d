// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/impl/grouped_optimizer.hpp>
#include <lit/optim/sgd.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sgd.h>

namespace lit::detail {

LIT_INLINE void SGDAlgorithm::check(const Options& o) {
    require_option(o.lr >= 0.0, name, "lr", o.lr, "0 or more");
    require_option(o.momentum >= 0.0, name, "momentum", o.momentum, "0 or more");
    require_option(o.weight_decay >= 0.0, name, "weight_decay", o.weight_decay, "0 or more");
    if (o.nesterov && (o.momentum <= 0.0 || o.dampening != 0.0)) {
        throw ConfigError("SGD: nesterov needs a momentum above 0 and a dampening of 0.");
    }
}

LIT_INLINE Dict SGDAlgorithm::pack(const Options& o) {
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

LIT_INLINE void SGDAlgorithm::unpack(Options& o, const Dict& group) {
    take(group, "lr", o.lr);
    take(group, "momentum", o.momentum);
    take(group, "dampening", o.dampening);
    take(group, "weight_decay", o.weight_decay);
    take(group, "nesterov", o.nesterov);
    take(group, "maximize", o.maximize);
    take(group, "fused", o.fused);
}

LIT_INLINE void SGDAlgorithm::fused(const Options& o, KernelLists<1>& lists, bool first) {
    at::_fused_sgd_(lists.params, lists.grads, lists.states[0], o.weight_decay, o.momentum, o.lr,
                    o.dampening, o.nesterov, o.maximize, first);
}

LIT_INLINE void SGDAlgorithm::plain(const Options& o, const SingleUpdate<1>& update) {
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

#if defined(LIT_COMPILED_LIBRARY)
template class GroupedOptimizer<SGDAlgorithm>;
#endif

}  // namespace lit::detail
