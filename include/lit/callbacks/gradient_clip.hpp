// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>

#include <string>

namespace lit {

/// Limits gradients before each step of the optimizer: their joint 2-norm, or each value.
///
/// Units   gradient units after the precision has unscaled them. A value of 0 or less limits nothing, as in Lightning.
/// Errors  ConfigError for a value that is not a number.
/// Cost    no wait for the device.
/// Source  Lightning `Trainer(gradient_clip_val=..., gradient_clip_algorithm=...)`.
class GradientClip {
 public:
    using Role = role::gradient_clip;

    explicit GradientClip(double value, ClipAlgorithm algorithm = ClipAlgorithm::norm)
        : value_(value), algorithm_(algorithm) {
        if (!(value == value)) {
            throw ConfigError("GradientClip: found nan, expected the largest norm or value of a gradient.");
        }
    }
    [[nodiscard]] double clip_val() const { return value_; }
    [[nodiscard]] ClipAlgorithm algorithm() const { return algorithm_; }

 private:
    double value_;
    ClipAlgorithm algorithm_;
};

}  // namespace lit
