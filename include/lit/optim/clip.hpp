// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <span>
#include <vector>

namespace lit {

/// The joint 2-norm of all gradients; 0 where there are none.
///
/// Shapes  0-dim, on the first gradient's device.
/// Cost    one norm per gradient; the host does not wait.
/// Source  `torch.nn.utils.get_total_norm`, bit-equal.
[[nodiscard]] LIT_INLINE at::Tensor grad_norm(std::span<const at::Tensor> parameters);

/// Rescales the gradients of `parameters` together so that their joint 2-norm is at most `max_norm`.
///
/// Shapes  gradients keep theirs; returns the norm before clipping, 0-dim, on the first gradient's device.
/// Units   `max_norm` is in gradient units, after a precision policy has unscaled them.
/// Errors  ConfigError if `max_norm` is negative or nan.
/// Cost    one norm and one multiplication per gradient; the host does not wait.
/// Source  `torch.nn.utils.clip_grad_norm_`, bit-equal; Lightning: `Trainer(gradient_clip_val=...)`.
LIT_INLINE at::Tensor clip_grad_norm(std::span<const at::Tensor> parameters, double max_norm);

/// Limits every element of the gradients to [-value, value].
///
/// Errors  ConfigError if `value` is negative or nan.
/// Source  `torch.nn.utils.clip_grad_value_`, bit-equal; Lightning: `gradient_clip_algorithm="value"`.
LIT_INLINE void clip_grad_value(std::span<const at::Tensor> parameters, double value);

/// The same over all parameter groups of an optimizer.
template <OptimizerPolicy O>
at::Tensor clip_grad_norm(O& optimizer, double max_norm) {
    if (group_count(optimizer) == 1) {  // no list of parameters is built
        return clip_grad_norm(parameters_of(optimizer, 0), max_norm);
    }
    const std::vector<at::Tensor> all = parameters_of(optimizer);
    return clip_grad_norm(std::span<const at::Tensor>(all), max_norm);
}

template <OptimizerPolicy O>
void clip_grad_value(O& optimizer, double value) {
    for (std::size_t group = 0; group < group_count(optimizer); ++group) {
        clip_grad_value(parameters_of(optimizer, group), value);
    }
}

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/clip.hpp>
#endif
