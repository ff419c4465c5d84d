// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/precision/precision.hpp>

#include <type_traits>
#include <utility>

namespace lit {

/// Computes in whatever type parameters and batches have: nothing is converted, nothing is scaled.
///
/// Source  Lightning `precision="32-true"`, the default.
struct Fp32 {
    struct Scope {
        // Not trivial, so that a scope that only exists is not an unused variable.
        Scope() {}   // NOLINT
        ~Scope() {}  // NOLINT
    };

    [[nodiscard]] at::Tensor scale(at::Tensor loss) const { return loss; }
    bool step(auto& optimizer) const {
        optimizer.step();
        return true;
    }
    [[nodiscard]] static Scope forward_scope(at::DeviceType /*device*/) { return {}; }
};
static_assert(PrecisionPolicy<Fp32>);
static_assert(std::is_empty_v<Fp32>);

}  // namespace lit
