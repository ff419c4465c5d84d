// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace lit::detail {

LIT_INLINE void append(std::vector<at::Tensor>& all, std::span<const at::Tensor> some) {
    all.insert(all.end(), some.begin(), some.end());
}

}  // namespace lit::detail
