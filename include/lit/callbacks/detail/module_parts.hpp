// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>

#include <cmath>
#include <concepts>
#include <optional>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace lit::detail {

template <class M>
concept IsModule = std::derived_from<std::remove_cvref_t<M>, torch::nn::Module>;
/// A ModuleHolder, a smart pointer or a plain one.
template <class M>
concept PointsToModule = !IsModule<M> && requires(M & m) {
    { *m } -> IsModule;
};

/// A module and everything below it, from the top down, each once.
inline void collect_parts(torch::nn::Module& module, std::vector<torch::nn::Module*>& parts,
                          std::unordered_set<const torch::nn::Module*>& seen) {
    if (!seen.insert(&module).second) {
        return;
    }
    parts.push_back(&module);
    for (const auto& child : module.children()) {
        collect_parts(*child, parts, seen);
    }
}

/// The parts of a module, a holder, a pointer, or a range of these, that have parameters of their own or no parts.
template <class Modules>
void flatten_into(Modules& modules, std::vector<torch::nn::Module*>& leaves) {
    if constexpr (IsModule<Modules>) {
        std::vector<torch::nn::Module*> parts;
        std::unordered_set<const torch::nn::Module*> seen;
        collect_parts(const_cast<std::remove_const_t<Modules>&>(modules), parts, seen);
        for (torch::nn::Module* part : parts) {
            if (part->children().empty() || !part->named_parameters(/*recurse=*/false).is_empty()) {
                leaves.push_back(part);
            }
        }
    } else if constexpr (PointsToModule<Modules>) {
        flatten_into(*modules, leaves);
    } else {
        static_assert(
            requires { modules.begin(); },
            "lit: expected a torch::nn::Module, a holder or pointer of one, or a range of these.");
        for (auto& module : modules) {
            flatten_into(module, leaves);
        }
    }
}

/// Calls `f` with the module if it is a batch norm.
template <class F>
bool with_batch_norm(torch::nn::Module& module, F&& f) {
    const auto attempt = [&]<class Norm>(std::type_identity<Norm>) {
        auto* norm = module.as<Norm>();
        if (norm != nullptr) {
            f(*norm);
        }
        return norm != nullptr;
    };
    return attempt(std::type_identity<torch::nn::BatchNorm1dImpl>{}) ||
           attempt(std::type_identity<torch::nn::BatchNorm2dImpl>{}) ||
           attempt(std::type_identity<torch::nn::BatchNorm3dImpl>{});
}
[[nodiscard]] inline bool is_batch_norm(torch::nn::Module& module) {
    return with_batch_norm(module, [](auto&) {});
}

/// Python's `track_running_stats = False` on a batch norm that has running statistics: they stay as they are, serve
/// evaluation, and training normalises by its batch.
///
/// LibTorch's option of that name would make evaluation normalise by its batch as well, and change the statistics in
/// both. So the counter is taken out of the forward pass's sight (it stays a registered buffer) and the momentum made
/// so small that it moves nothing; as the factor is a power of two, it can be read off and taken back without a loss.
inline constexpr int still_momentum_exponent = -900;

inline void hold_running_stats(torch::nn::Module& module, bool hold) {
    with_batch_norm(module, [hold](auto& norm) {
        const double still = std::ldexp(1.0, still_momentum_exponent);
        std::optional<double> momentum = norm.options.momentum();
        const bool held = norm.running_mean.defined() && !norm.num_batches_tracked.defined();
        if (hold == held || !norm.running_mean.defined()) {
            return;
        }
        if (momentum) {
            norm.options.momentum(hold ? *momentum * still : *momentum / still);
        }
        if (hold) {
            norm.num_batches_tracked = at::Tensor();
        } else {
            norm.num_batches_tracked = norm.named_buffers(/*recurse=*/false)["num_batches_tracked"];
        }
    });
}

}  // namespace lit::detail
