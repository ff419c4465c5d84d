// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>

namespace lit::detail {

/// What computes the gradients of a step itself, from what it kept of it, instead of by autograd.
template <class Returned>
concept BringsGradients = requires(const Returned& r, double scale) { r.backward(scale); } &&
                          requires(const Returned& r) { { r.loss } -> std::convertible_to<at::Tensor>; };

}  // namespace lit::detail
