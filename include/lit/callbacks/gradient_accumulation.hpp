// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>

#include <cstdint>
#include <string>

namespace lit {

struct GradientAccumulationOptions {
    std::int64_t batches = 1;          ///< micro-batches of a window
    bool divide_by_real_size = false;  ///< a short last window is a mean over the batches that it has
};

/// Adds up the gradients of so many batches before each step of the optimizer.
///
/// Units   micro-batches. The loss of each is divided by the number; a short last window of an epoch steps all the
///         same and is divided by the same number, as in Lightning, unless `divide_by_real_size`: then its gradients
///         are multiplied up before anybody sees them, and whole windows stay what they are to the bit.
/// Errors  ConfigError unless the number is 1 or more.
/// Source  Lightning `Trainer(accumulate_grad_batches=...)`, which has no `divide_by_real_size`.
class GradientAccumulation {
 public:
    using Role = role::gradient_accumulation;

    explicit GradientAccumulation(std::int64_t batches)
        : GradientAccumulation(GradientAccumulationOptions{.batches = batches}) {}
    explicit GradientAccumulation(GradientAccumulationOptions options) : options_(options) {
        if (options.batches < 1) {
            throw ConfigError("GradientAccumulation: found " + std::to_string(options.batches) +
                              ", expected 1 or more batches.");
        }
    }
    [[nodiscard]] std::int64_t accumulate_grad_batches() const { return options_.batches; }
    [[nodiscard]] bool divides_by_real_size() const { return options_.divide_by_real_size; }

 private:
    GradientAccumulationOptions options_;
};

}  // namespace lit
