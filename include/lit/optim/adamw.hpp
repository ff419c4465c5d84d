// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/optim/detail/adam_algorithm.hpp>
#include <lit/optim/detail/grouped_optimizer.hpp>
#include <lit/optim/optimizer.hpp>

#include <string_view>
#include <utility>

namespace lit {

struct AdamWOptions {
    double lr = 1e-3;
    std::pair<double, double> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 1e-2;
    bool amsgrad = false;
    bool maximize = false;
    bool fused = true;  ///< one kernel call per step; false is Python's default arithmetic
};

namespace detail {

struct AdamWSpec {
    using Options = AdamWOptions;
    static constexpr std::string_view name = "AdamW";
    static constexpr bool decoupled(const Options& /*options*/) { return true; }
};

#if defined(LIT_COMPILED)
extern template class GroupedOptimizer<AdamAlgorithm<AdamWSpec>>;
#endif

}  // namespace detail

/// Adam with weight decay apart from the gradient:
/// `lit::AdamW{parameters(), {.lr = 1e-3, .weight_decay = 0.01}}`.
///
/// Errors  ConfigError on construction: a setting out of range, no parameters, one that is given twice or no
///         leaf; of a step: a gradient that is sparse or has another shape, type or device than its parameter,
///         nothing being changed.
/// Cost    one kernel call per step, device and type; `fused = false` some calls per parameter.
/// Source  `torch.optim.AdamW`, same names and defaults; bit-equal to it on the CPU with the same `fused`.
///         A fused step counts as a change of the parameters, which a graph that saved them notices; Python's does not.
///         Complex parameters, sparse gradients, `foreach`, `capturable`, `differentiable` are not offered.
struct AdamW : detail::GroupedOptimizer<detail::AdamAlgorithm<detail::AdamWSpec>> {
    using GroupedOptimizer::GroupedOptimizer;
};
static_assert(OptimizerPolicy<AdamW>);

}  // namespace lit
