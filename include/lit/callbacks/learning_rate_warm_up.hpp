// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>

#include <cstdint>
#include <string>

namespace lit {

/// How the factor of a LearningRateWarmUp gets from `start_factor` to 1.
enum class WarmUpShape : std::uint8_t {
    linear,    ///< in a straight line, as `torch.optim.lr_scheduler.LinearLR` does
    constant,  ///< at once, when the steps are done, as `ConstantLR` does
};

struct LearningRateWarmUpOptions {
    std::int64_t steps = 0;          ///< steps of the optimizer until the full rate; has no default
    double start_factor = 1.0 / 3;  ///< of the rate, in the first step; 0 leaves the parameters as they are in it
    WarmUpShape shape = WarmUpShape::linear;
};

/// Makes the first updates at a part of the learning rate, in front of whatever schedule the module has:
/// `lit::LearningRateWarmUp{{.steps = 1000, .start_factor = 0.01}}`.
///
/// The rates that a schedule, or nobody, has set are multiplied for the length of each update and set back after it. So
/// schedules run from the first step on as they would without a warm-up, whatever their interval is; the optimizer and
/// checkpoints hold the full rates; and there is no state: a resumed run takes its place from the global step.
/// LearningRateMonitor shows the rates that the updates are made at.
///
/// Units   `steps` in steps of optimizers, accumulation windows therefore and not batches; with several optimizers that
///         are stepped by hand the steps of all of them count, as in `global_step`. Step s of n has the factor
///         start_factor + (1 - start_factor) * s / n, counted from 0; from step n on it is 1.
/// Errors  ConfigError on construction: steps below 1, start_factor outside of 0 to 1.
/// Cost    during the warm-up, per parameter group two numbers are set each step; after it a comparison.
/// Source  the factors of torch's LinearLR and ConstantLR at an interval of a step. Lightning has no such callback; its
///         users override `optimizer_step`, which does the same.
class LearningRateWarmUp {
 public:
    explicit LearningRateWarmUp(LearningRateWarmUpOptions options) : options_(options) {
        if (options.steps < 1) {
            throw ConfigError("LearningRateWarmUp: steps = " + std::to_string(options.steps) +
                              ", expected 1 or more. Say after how many steps of the optimizer the full rate is reached.");
        }
        if (!(options.start_factor >= 0.0 && options.start_factor <= 1.0)) {
            throw ConfigError("LearningRateWarmUp: start_factor = " + detail::python_repr(options.start_factor) +
                              ", expected 0 to 1.");
        }
    }

    /// Of the update that comes after so many.
    [[nodiscard]] double learning_rate_factor(std::int64_t global_step) const {
        if (global_step >= options_.steps) {
            return 1.0;
        }
        if (options_.shape == WarmUpShape::constant) {
            return options_.start_factor;
        }
        const double part = static_cast<double>(global_step) / static_cast<double>(options_.steps);
        return options_.start_factor + (1.0 - options_.start_factor) * part;
    }

 private:
    LearningRateWarmUpOptions options_;
};

}  // namespace lit
