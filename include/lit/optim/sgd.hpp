// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/detail/grouped_optimizer.hpp>
#include <lit/optim/optimizer.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace lit {

struct SGDOptions {
    double lr = 1e-3;
    double momentum = 0.0;
    double dampening = 0.0;
    double weight_decay = 0.0;
    bool nesterov = false;
    bool maximize = false;
    bool fused = true;  ///< one kernel call per step; false is Python's default arithmetic
};

namespace detail {

struct SGDAlgorithm {
    using Options = SGDOptions;
    static constexpr std::string_view name = "SGD";
    static constexpr std::array<std::string_view, 1> state_names{"momentum_buffer"};
    static constexpr bool counts_steps = false;
    static constexpr bool first_step_differs = true;  // the buffer starts as the gradient, dampening or not

    static void check(const Options& o);
    static bool keeps(const Options& o, std::size_t /*state*/) { return o.momentum != 0.0; }
    static double momentum(const Options& o) { return o.momentum; }

    static Dict pack(const Options& o);
    static void unpack(Options& o, const Dict& group);

    static void fused(const Options& o, KernelLists<1>& lists, bool first);

    static void plain(const Options& o, const SingleUpdate<1>& update);
};

#if defined(LIT_COMPILED)
extern template class GroupedOptimizer<SGDAlgorithm>;
#endif

}  // namespace detail

/// Stochastic gradient descent, with momentum if wanted:
/// `lit::SGD{parameters(), {.lr = 0.1, .momentum = 0.9}}`.
///
/// Errors  ConfigError on construction: a setting out of range, no parameters, one that is given twice or no
///         leaf; of a step: a gradient that is sparse or has another shape, type or device than its parameter,
///         nothing being changed.
/// Cost    one kernel call per step, device and type; `fused = false` some calls per parameter.
/// Source  `torch.optim.SGD`, same names and defaults; bit-equal to it on the CPU with the same `fused`.
///         A fused step counts as a change of the parameters, which a graph that saved them notices; Python's does not.
///         Sparse gradients, `foreach` and `differentiable` are not offered.
struct SGD : detail::GroupedOptimizer<detail::SGDAlgorithm> {
    using GroupedOptimizer::GroupedOptimizer;
};
static_assert(OptimizerPolicy<SGD>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/sgd.hpp>
#endif
