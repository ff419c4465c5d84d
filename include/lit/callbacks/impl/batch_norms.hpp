// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/batch_norms.hpp>
#include <lit/callbacks/detail/module_parts.hpp>
#include <lit/core/compiled.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace lit::detail {

/// What all batch norms have that averaging weights makes wrong.
struct BatchNormHandle {
    at::Tensor running_mean;
    at::Tensor running_var;
    at::Tensor num_batches_tracked;
    std::optional<double>* momentum = nullptr;

    /// Whether its statistics follow the batches. With track_running_stats = false there are none; and one that holds them
    /// (BaseFinetuning's freeze without train_bn takes the counter away) is to keep them.
    [[nodiscard]] bool tracks() const { return running_mean.defined() && num_batches_tracked.defined(); }
};

inline void collect_batch_norms(torch::nn::Module& module, std::vector<BatchNormHandle>& into) {
    with_batch_norm(module, [&into](auto& norm) {
        std::optional<double>* const momentum = &norm.options.momentum();
        if (std::ranges::find(into, momentum, &BatchNormHandle::momentum) == into.end()) {  // it may stand at two places
            into.push_back({norm.running_mean, norm.running_var, norm.num_batches_tracked, momentum});
        }
    });
    for (const auto& child : module.children()) {
        collect_batch_norms(*child, into);
    }
}
inline std::vector<BatchNormHandle> batch_norms(torch::nn::Module& module) {
    std::vector<BatchNormHandle> norms;
    collect_batch_norms(module, norms);
    return norms;
}

LIT_INLINE bool has_batch_norm(torch::nn::Module& module) { return !batch_norms(module).empty(); }

LIT_INLINE void BatchNormStatistics::reset(torch::nn::Module& module) {
    const c10::NoGradGuard no_grad;
    for (const BatchNormHandle& norm : batch_norms(module)) {
        if (norm.tracks()) {
            norm.running_mean.zero_();
            norm.running_var.fill_(1.0);
            norm.num_batches_tracked.zero_();
        }
    }
    go_on(module);
}

LIT_INLINE void BatchNormStatistics::go_on(torch::nn::Module& module) {
    momenta_.clear();
    for (const BatchNormHandle& norm : batch_norms(module)) {
        if (norm.tracks()) {
            momenta_.emplace_back(norm.momentum, std::exchange(*norm.momentum, std::nullopt));
        }
    }
}

LIT_INLINE void BatchNormStatistics::restore_momenta() {
    for (const auto& [where, momentum] : momenta_) {
        *where = momentum;
    }
    momenta_.clear();
}

}  // namespace lit::detail
