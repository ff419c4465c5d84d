// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace lit::detail {

/// The arithmetic that Adam and AdamW share. `Spec` gives `Options`, `name` and `decoupled(options)`.
template <class Spec>
struct AdamAlgorithm {
    using Options = typename Spec::Options;
    static constexpr std::string_view name = Spec::name;
    static constexpr std::array<std::string_view, 3> state_names{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
    static constexpr bool counts_steps = true;
    static constexpr bool first_step_differs = false;

    static void check(const Options& o);
    static bool keeps(const Options& o, std::size_t state) { return state < 2 || o.amsgrad; }
    static double momentum(const Options& o) { return o.betas.first; }

    static Dict pack(const Options& o);
    static void unpack(Options& o, const Dict& group);

    static void fused(const Options& o, KernelLists<3>& lists, bool /*first*/);

    /// `_single_tensor_adam` of Python, operation by operation.
    static void plain(const Options& o, const SingleUpdate<3>& update);
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/adam_algorithm.hpp>
#endif
