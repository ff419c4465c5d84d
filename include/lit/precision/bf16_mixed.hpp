// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/precision/autocast.hpp>
#include <lit/precision/precision.hpp>

#include <type_traits>

namespace lit {

/// Keeps parameters and gradients in float, and lets matrix products and convolutions compute in bfloat16.
///
/// Cost    no loss scaling: bfloat16 has float's range.
/// Source  Lightning `precision="bf16-mixed"`.
struct Bf16Mixed {
    [[nodiscard]] at::Tensor scale(at::Tensor loss) const { return loss; }
    bool step(auto& optimizer) const {
        optimizer.step();
        return true;
    }
    [[nodiscard]] static AutocastScope forward_scope(at::DeviceType device) { return {device, at::kBFloat16}; }
};
static_assert(PrecisionPolicy<Bf16Mixed>);
static_assert(std::is_empty_v<Bf16Mixed>);

}  // namespace lit
