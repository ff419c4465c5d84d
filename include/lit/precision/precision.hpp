// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceType.h>

#include <concepts>

namespace lit {

template <class P>
concept ScalesLoss = requires(P p, at::Tensor loss) {
    { p.scale(loss) } -> std::same_as<at::Tensor>;
};
template <class P>
concept StepsOptimizer = requires(P p, NullOptimizer& opt) {
    { p.step(opt) } -> std::same_as<bool>;
};
template <class P>
concept OpensForwardScope = requires(P p, at::DeviceType device) { p.forward_scope(device); };

/// Optional: has state that a checkpoint holds, the scale of the loss for instance, under the name of its class.
template <class P>
concept StatefulPrecision = requires(P& p, const P& k, const Dict& state) {
    { k.state_dict() } -> std::convertible_to<Dict>;
    p.load_state_dict(state);
};

/// Chooses the arithmetic of a step and owns loss scaling.
///
/// scale(loss)            0-dim tensor in, 0-dim tensor out, same device; its argument itself where nothing is scaled, else that
///                        times a number: gradients that come without autograd are multiplied by scale(1).
/// step(opt)              unscales, steps; false when the step was skipped because a gradient was inf or nan.
/// forward_scope(device)  an object that lives while a step computes: autocast, or nothing.
/// state_dict(), load_state_dict(d)  optional: what a checkpoint holds of it (StatefulPrecision).
/// Models                 Fp32, Bf16Mixed.
template <class P>
concept PrecisionPolicy = std::movable<P> && ScalesLoss<P> && StepsOptimizer<P> && OpensForwardScope<P>;

}  // namespace lit
