// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lit {

namespace detail {

using GradientBuckets = std::vector<std::vector<at::Tensor>>;

/// The gradients that there are, by device and type in the order in which these appear.
inline GradientBuckets gradients_of(std::span<const at::Tensor> parameters) {
    GradientBuckets buckets;
    for (const at::Tensor& parameter : parameters) {
        const at::Tensor& grad = parameter.grad();
        if (!grad.defined()) {
            continue;
        }
        auto found = std::find_if(buckets.begin(), buckets.end(), [&](const std::vector<at::Tensor>& bucket) {
            return bucket.front().device() == grad.device() &&
                   bucket.front().scalar_type() == grad.scalar_type();
        });
        if (found == buckets.end()) {
            buckets.emplace_back().reserve(parameters.size());
            found = std::prev(buckets.end());
        }
        found->push_back(grad);
    }
    return buckets;
}

inline at::Tensor total_norm(const GradientBuckets& buckets) {
    if (buckets.empty()) {
        return at::zeros({});
    }
    const at::Device device = buckets.front().front().device();
    std::vector<at::Tensor> norms;
    for (const auto& bucket : buckets) {
        for (at::Tensor& norm : at::_foreach_norm(bucket, 2.0)) {
            norms.push_back(norm.device() == device ? std::move(norm) : norm.to(device));
        }
    }
    return at::linalg_vector_norm(at::stack(norms), 2.0);
}

}  // namespace detail

/// The joint 2-norm of all gradients; 0 where there are none.
///
/// Shapes  0-dim, on the first gradient's device.
/// Cost    one norm per gradient; the host does not wait.
/// Source  `torch.nn.utils.get_total_norm`, bit-equal.
[[nodiscard]] inline at::Tensor grad_norm(std::span<const at::Tensor> parameters) {
    const c10::AutoGradMode no_grad(false);
    return detail::total_norm(detail::gradients_of(parameters));
}

/// Rescales the gradients of `parameters` together so that their joint 2-norm is at most `max_norm`.
///
/// Shapes  gradients keep theirs; returns the norm before clipping, 0-dim, on the first gradient's device.
/// Units   `max_norm` is in gradient units, after a precision policy has unscaled them.
/// Errors  ConfigError if `max_norm` is negative or nan.
/// Cost    one norm and one multiplication per gradient; the host does not wait.
/// Source  `torch.nn.utils.clip_grad_norm_`, bit-equal; Lightning: `Trainer(gradient_clip_val=...)`.
inline at::Tensor clip_grad_norm(std::span<const at::Tensor> parameters, double max_norm) {
    if (!(max_norm >= 0.0)) {
        throw ConfigError("clip_grad_norm: max_norm is " + std::to_string(max_norm) +
                          ", expected 0 or more.");
    }
    const c10::AutoGradMode no_grad(false);
    const detail::GradientBuckets buckets = detail::gradients_of(parameters);
    at::Tensor norm = detail::total_norm(buckets);
    // Python's `number / tensor` is a reciprocal and a product; the product by a clamped 1 spares a wait for
    // the device.
    const at::Tensor factor = at::clamp(norm.add(1e-6).reciprocal().mul(max_norm), std::nullopt, 1.0);
    for (const auto& bucket : buckets) {
        const at::Device device = bucket.front().device();
        at::_foreach_mul_(bucket, factor.device() == device ? factor : factor.to(device));
    }
    return norm;
}

/// Limits every element of the gradients to [-value, value].
///
/// Errors  ConfigError if `value` is negative or nan.
/// Source  `torch.nn.utils.clip_grad_value_`, bit-equal; Lightning: `gradient_clip_algorithm="value"`.
inline void clip_grad_value(std::span<const at::Tensor> parameters, double value) {
    if (!(value >= 0.0)) {
        throw ConfigError("clip_grad_value: value is " + std::to_string(value) + ", expected 0 or more.");
    }
    const c10::AutoGradMode no_grad(false);
    for (const auto& bucket : detail::gradients_of(parameters)) {
        at::_foreach_clamp_min_(bucket, -value);
        at::_foreach_clamp_max_(bucket, value);
    }
}

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
