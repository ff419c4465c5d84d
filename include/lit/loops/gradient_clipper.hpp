// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/managed_optimizer.hpp>
#include <lit/optim/clip.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>

namespace lit::detail {

/// The part of a `Run` that limits gradients: what automatic optimization calls before an update, and users in manual optimization.
template <class Run>
class GradientClipper {
 public:
    /// Limits gradients; an absent or non-positive value limits nothing.
    ///
    /// Errors  ConfigError for a value or an algorithm other than that of the trainer's GradientClip.
    template <class Optimizer>
    void clip_gradients(Optimizer& optimizer, std::optional<double> value,
                        ClipAlgorithm algorithm = ClipAlgorithm::norm) {
        for_each_component(run().components(), [&](const auto& component) {
            if constexpr (ClipsGradients<std::remove_cvref_t<decltype(component)>>) {
                if (value && (*value != component.clip_val() || algorithm != component.algorithm())) {
                    throw ConfigError("clip_gradients: asked to clip at " + std::to_string(*value) +
                                      " while the trainer has a GradientClip of " +
                                      std::to_string(component.clip_val()) +
                                      (algorithm == component.algorithm() ? "" : " with another algorithm") +
                                      ". Use the same, or leave the GradientClip out of the trainer.");
                }
            }
        });
        if (!value || *value <= 0.0) {
            return;
        }
        if (algorithm == ClipAlgorithm::norm) {
            clip_grad_norm(raw_optimizer(optimizer), *value);
        } else {
            refuse_nothing_to_clip(raw_optimizer(optimizer));
            clip_grad_value(raw_optimizer(optimizer), *value);
        }
    }

 private:
    [[nodiscard]] const Run& run() const { return static_cast<const Run&>(*this); }
    // PyTorch refuses to clip an empty list of gradients by value, and so a step without a loss ends the run there.
    template <class Optimizer>
    void refuse_nothing_to_clip(const Optimizer& optimizer) const {
        for (std::size_t group = 0; group < group_count(optimizer); ++group) {
            for (const at::Tensor& parameter : parameters_of(optimizer, group)) {
                if (parameter.grad().defined()) {
                    return;
                }
            }
        }
        throw Error("GradientClip: no parameter has a gradient to clip by value at epoch " +
                    std::to_string(run().current_epoch()) + ", global step " +
                    std::to_string(run().global_step()) +
                    ". Return a loss from training_step, or clip by norm.");
    }
};

}  // namespace lit::detail
