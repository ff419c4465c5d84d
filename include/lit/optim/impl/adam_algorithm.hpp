// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/adam_algorithm.hpp>
#include <lit/optim/detail/adam_kernel.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/maximum.h>

#include <cmath>

namespace lit::detail {

template <class Spec>
LIT_INLINE void AdamAlgorithm<Spec>::check(const Options& o) {
    require_option(o.lr >= 0.0, name, "lr", o.lr, "0 or more");
    require_option(o.eps >= 0.0, name, "eps", o.eps, "0 or more");
    require_option(o.betas.first >= 0.0 && o.betas.first < 1.0, name, "betas.first", o.betas.first,
                   "0 or more and below 1");
    require_option(o.betas.second >= 0.0 && o.betas.second < 1.0, name, "betas.second", o.betas.second,
                   "0 or more and below 1");
    require_option(o.weight_decay >= 0.0, name, "weight_decay", o.weight_decay, "0 or more");
}

template <class Spec>
LIT_INLINE Dict AdamAlgorithm<Spec>::pack(const Options& o) {
    return {{"lr", o.lr},
            {"betas", Tuple{{o.betas.first, o.betas.second}}},
            {"eps", o.eps},
            {"weight_decay", o.weight_decay},
            {"amsgrad", o.amsgrad},
            {"maximize", o.maximize},
            {"foreach", nullptr},
            {"capturable", false},
            {"differentiable", false},
            {"fused", o.fused ? Value(true) : Value()},
            {"decoupled_weight_decay", Spec::decoupled(o)}};
}

template <class Spec>
LIT_INLINE void AdamAlgorithm<Spec>::unpack(Options& o, const Dict& group) {
    take(group, "lr", o.lr);
    take(group, "betas", o.betas);
    take(group, "eps", o.eps);
    take(group, "weight_decay", o.weight_decay);
    take(group, "amsgrad", o.amsgrad);
    take(group, "maximize", o.maximize);
    take(group, "fused", o.fused);
    if constexpr (requires {
                      o.decoupled_weight_decay;
                  }) {  // AdamW decouples whatever the file says, as in Python
        take(group, "decoupled_weight_decay", o.decoupled_weight_decay);
    }
}

template <class Spec>
LIT_INLINE void AdamAlgorithm<Spec>::fused(const Options& o, KernelLists<3>& lists, bool /*first*/) {
    if (!o.amsgrad && !o.maximize &&
        own_adam({o.lr, o.betas.first, o.betas.second, o.eps, o.weight_decay, Spec::decoupled(o)}, lists.params,
                 lists.grads, lists.states[0], lists.states[1], lists.steps)) {
        return;
    }
    const auto call = [&](auto kernel) {
        kernel(lists.params, lists.grads, lists.states[0], lists.states[1], lists.states[2], lists.steps,
               o.lr, o.betas.first, o.betas.second, o.weight_decay, o.eps, o.amsgrad, o.maximize);
    };
    if (Spec::decoupled(o)) {
        call([](auto&&... args) { at::_fused_adamw_(args...); });
    } else {
        call([](auto&&... args) { at::_fused_adam_(args...); });
    }
}

template <class Spec>
LIT_INLINE void AdamAlgorithm<Spec>::plain(const Options& o, const SingleUpdate<3>& update) {
    const auto [beta1, beta2] = o.betas;
    at::Tensor grad = o.maximize ? update.grad.neg() : update.grad;
    if (o.weight_decay != 0.0) {
        if (Spec::decoupled(o)) {
            update.param.mul_(1 - o.lr * o.weight_decay);
        } else {
            grad = grad.add(update.param, o.weight_decay);
        }
    }
    const at::Tensor& exp_avg = *update.states[0];
    const at::Tensor& exp_avg_sq = *update.states[1];
    exp_avg.lerp_(grad, 1 - beta1);
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, 1 - beta2);
    const double bias_correction1 = 1 - std::pow(beta1, update.step);
    const double bias_correction2 = 1 - std::pow(beta2, update.step);
    const double step_size = o.lr / bias_correction1;
    const at::Tensor* second = &exp_avg_sq;
    if (o.amsgrad) {
        second = update.states[2];
        at::Tensor target = *second;
        at::maximum_out(target, *second, exp_avg_sq);
    }
    const at::Tensor denominator = second->sqrt().div_(std::pow(bias_correction2, 0.5)).add_(o.eps);
    update.param.addcdiv_(exp_avg, denominator, -step_size);
}

}  // namespace lit::detail
