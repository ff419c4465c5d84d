// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/optim/detail/adam_algorithm.hpp>
#include <lit/optim/detail/grouped_optimizer.hpp>
#include <lit/optim/optimizer.hpp>

#include <string_view>
#include <utility>

namespace lit {

struct AdamOptions {
    double lr = 1e-3;
    std::pair<double, double> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 0.0;
    bool amsgrad = false;
    bool maximize = false;
    bool fused = true;                    ///< one kernel call per step; false is Python's default arithmetic
    bool decoupled_weight_decay = false;  ///< true: the decay of AdamW
};

namespace detail {

struct AdamSpec {
    using Options = AdamOptions;
    static constexpr std::string_view name = "Adam";
    static constexpr bool decoupled(const Options& o) { return o.decoupled_weight_decay; }
};

#if defined(LIT_COMPILED)
extern template class GroupedOptimizer<AdamAlgorithm<AdamSpec>>;
#endif

}  // namespace detail

/// Adam: a step scaled by running means of the gradient and of its square:
/// `lit::Adam{parameters(), {.lr = 1e-3}}`.
///
/// Errors  ConfigError on construction: a setting out of range, no parameters, one that is given twice or no
///         leaf; of a step: a gradient that is sparse or has another shape, type or device than its parameter,
///         nothing being changed.
/// Cost    one kernel call per step, device and type; `fused = false` some calls per parameter.
/// Source  `torch.optim.Adam`, same names and defaults; bit-equal to it on the CPU with the same `fused`.
///         A fused step counts as a change of the parameters, which a graph that saved them notices; Python's does not.
///         Complex parameters, sparse gradients, `foreach`, `capturable`, `differentiable` are not offered.
struct Adam : detail::GroupedOptimizer<detail::AdamAlgorithm<detail::AdamSpec>> {
    using GroupedOptimizer::GroupedOptimizer;
};
static_assert(OptimizerPolicy<Adam>);

}  // namespace lit
