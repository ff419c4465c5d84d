// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/nn/module.h>

#include <concepts>
#include <cstdint>
#include <exception>

namespace lit {

template <class S>
concept JoinsItsRanks = requires(S& s) {
    s.setup_environment();
    { s.collective() } -> CollectivePolicy;
};
template <class S>
concept PlacesTheModule = requires(S& s, torch::nn::Module& module, bool training) {
    { s.device() } -> std::convertible_to<at::Device>;
    s.setup(module, training);
    s.teardown(module);
};
template <class S>
concept SynchronisesGradients = requires(S& s, const at::Tensor& loss, bool synchronise) {
    s.before_forward(synchronise);
    s.before_backward(loss, synchronise);
};

/// Optional: knows what an error of the backward pass means, and throws that in its place.
template <class S>
concept ExplainsErrors = requires(S& s, const std::exception& error) { s.explain(error); };
/// Optional: exchanges gradients that a step computed without autograd.
template <class S>
concept AveragesGradients = requires(S& s, bool synchronise) {
    s.before_own_step(synchronise);
    s.average_gradients();
};
/// Optional: has something to do before a module is evaluated.
template <class S>
concept PreparesEvaluation = requires(S& s) { s.before_evaluation(); };

/// Optional: `template <class Precision> static constexpr bool can_compute_in = ...;` where not every precision is
/// possible.
template <class S, class Precision>
concept LimitsPrecision = requires { { S::template can_compute_in<Precision> } -> std::convertible_to<bool>; };
template <class S, class Precision>
concept ComputesIn = !LimitsPrecision<S, Precision> || static_cast<bool>(S::template can_compute_in<Precision>);

/// Where a run computes, and with whom.
///
/// setup_environment()        once per process, before anything else: chooses the device, meets the other ranks.
/// collective()               the ranks of this run; SingleProcess for one.
/// setup(module, training)    moves the module to device(); with `training`, prepares the exchange of gradients.
///                            Called before `configure_optimizers`.
/// before_forward(sync)       before each training step; `sync` is false inside an accumulation window, whose
///                            gradients stay on their rank.
/// before_backward(loss, sync) after the step, before the gradients are computed.
/// before_own_step(sync)      optional: in the place of before_forward, for a step that computes its gradients without autograd;
/// average_gradients()        after those were computed, if `sync`; before_backward is not called. Without these two a strategy of
///                            several processes does not compile with such a step.
/// teardown(module)           after the run; the module is on the CPU again.
/// explain(error)             optional: throws what an error of the backward pass means, or returns.
/// can_compute_in<Precision>  optional: false for a precision that does not compile with it.
/// before_evaluation()        optional: before validation, test and the like begin.
/// Errors  ConfigError for a device that is not there; DistributedError when a rank is missing.
/// Models  SingleDevice, DDP.
template <class S>
concept StrategyPolicy = std::movable<S> && JoinsItsRanks<S> && PlacesTheModule<S> && SynchronisesGradients<S>;

}  // namespace lit
