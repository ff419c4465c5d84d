// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>

#include <cstdint>
#include <string>

namespace lit {

/// Adds up the gradients of so many batches before each step of the optimizer.
///
/// Units   micro-batches. The loss of each is divided by the number; a short last window of an epoch steps all the
///         same and is divided by the same number, as in Lightning.
/// Errors  ConfigError unless the number is 1 or more.
/// Source  Lightning `Trainer(accumulate_grad_batches=...)`.
class GradientAccumulation {
 public:
    using Role = role::gradient_accumulation;

    explicit GradientAccumulation(std::int64_t batches) : batches_(batches) {
        if (batches < 1) {
            throw ConfigError("GradientAccumulation: found " + std::to_string(batches) + ", expected 1 or more batches.");
        }
    }
    [[nodiscard]] std::int64_t accumulate_grad_batches() const { return batches_; }

 private:
    std::int64_t batches_;
};
static_assert(CallbackPolicy<GradientAccumulation> && AccumulatesGradients<GradientAccumulation>);

}  // namespace lit
