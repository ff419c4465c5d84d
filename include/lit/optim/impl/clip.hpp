// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/optim/clip.hpp>

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

LIT_INLINE at::Tensor grad_norm(std::span<const at::Tensor> parameters) {
    const c10::AutoGradMode no_grad(false);
    return detail::total_norm(detail::gradients_of(parameters));
}

LIT_INLINE at::Tensor clip_grad_norm(std::span<const at::Tensor> parameters, double max_norm) {
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

LIT_INLINE void clip_grad_value(std::span<const at::Tensor> parameters, double value) {
    if (!(value >= 0.0)) {
        throw ConfigError("clip_grad_value: value is " + std::to_string(value) + ", expected 0 or more.");
    }
    const c10::AutoGradMode no_grad(false);
    for (const auto& bucket : detail::gradients_of(parameters)) {
        at::_foreach_clamp_min_(bucket, -value);
        at::_foreach_clamp_max_(bucket, value);
    }
}

}  // namespace lit
