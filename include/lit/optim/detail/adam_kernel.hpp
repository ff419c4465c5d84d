// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/optim/detail/adam_settings.hpp>

#include <ATen/core/Tensor.h>

#include <span>

namespace lit::detail {

/// A step of Adam or AdamW without amsgrad over float32 parameters of the CPU, equal to the bit to LibTorch's fused kernel.
///
/// LibTorch's goes through the parameters one after the other, each in a parallel region of its own, with two divisions and a
/// root for each number. Here all are in one region, and the division by a number known before is made of products.
///
/// Shapes  equally long lists; the tensors of one parameter have the same sizes and lie in memory in the same order, without
///         gaps; parameters overlap as a whole or not at all. The step is counted already.
/// Returns false, with nothing done, where LibTorch's kernel has to be called: for other types and devices, without AVX2 and
///         FMA, and where LibTorch's kernel, tried once in each process, comes to other bits, as another version's may, or that
///         which ATEN_CPU_CAPABILITY asks for.
bool own_adam(const AdamSettings& settings, std::span<const at::Tensor> params,
              std::span<const at::Tensor> grads, std::span<const at::Tensor> exp_avgs,
              std::span<const at::Tensor> exp_avg_sqs, std::span<const at::Tensor> steps);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/adam_kernel.hpp>
#endif
