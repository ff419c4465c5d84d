// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/precision/precision.hpp>
#include <lit/strategies/strategy.hpp>

#include <concepts>
#include <type_traits>

namespace lit::detail {

template <class C>
inline constexpr bool fits_third_slot = CallbackPolicy<C>;

// Written as assertions rather than as constraints of the template: a constraint that fails is reported as "no matching
// constructor", and the user would have to read on to find out why.
/// Stands for arguments of Trainer that are not strategy, precision, options, components.
struct AnotherOrder {};

template <class Strategy, class Precision, class... Components>
consteval bool check_slots() {
    static_assert(!std::same_as<Strategy, AnotherOrder>,
                  "lit: Trainer takes a strategy, a precision, lit::TrainerOptions and then the components, in this order. "
                  "Write lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{...}, ...}.");
    static_assert(!PrecisionPolicy<Strategy> || StrategyPolicy<Strategy>,
                  "lit: Trainer's first slot is the strategy, found a precision. Write lit::Trainer{lit::SingleDevice{}, "
                  "lit::Fp32{}, lit::TrainerOptions{...}, ...}.");
    static_assert(StrategyPolicy<Strategy> || PrecisionPolicy<Strategy>,
                  "lit: Trainer's first slot has to be a strategy (lit::SingleDevice{}, lit::DDP{}). The order is: "
                  "strategy, precision, lit::TrainerOptions, components.");
    static_assert(!StrategyPolicy<Precision> || PrecisionPolicy<Precision>,
                  "lit: Trainer's second slot is the precision, found a strategy. Only one strategy can be given.");
    static_assert(PrecisionPolicy<Precision> || StrategyPolicy<Precision>,
                  "lit: Trainer's second slot has to be a precision (lit::Fp32{}, lit::Bf16Mixed{}). The order is: "
                  "strategy, precision, lit::TrainerOptions, components.");
    static_assert(((!StrategyPolicy<component_t<Components>> && !PrecisionPolicy<component_t<Components>>)&&...),
                  "lit: a strategy or a precision stands among the components. It belongs into the first or second slot "
                  "of the Trainer.");
    static_assert(((fits_third_slot<Components> || StrategyPolicy<component_t<Components>> ||
                    PrecisionPolicy<component_t<Components>>)&&...),
                  "lit: a component of this Trainer is none: it has no hook of Lightning's, it is no logger, it neither "
                  "accumulates nor clips gradients. Give it a hook, for instance void on_train_epoch_end(auto& trainer, "
                  "auto& module).");
    static_assert((0 + ... + has_role<Components, role::progress_bar>) <= 1,
                  "lit: two progress bars would write over each other. Keep one.");
    static_assert((0 + ... + has_role<Components, role::model_summary>) <= 1,
                  "lit: two model summaries were given. Keep one.");
    // Of components that may be absent, which one is there is found out when training begins.
    static_assert((0 + ... + (has_role<Components, role::gradient_accumulation> &&
                              std::same_as<Components, component_t<Components>>)) <= 1,
                  "lit: gradients can be accumulated in one way only: GradientAccumulation is for a fixed number of "
                  "batches, GradientAccumulationScheduler for one that changes with the epochs. Keep one of them.");
    static_assert((0 + ... + has_role<Components, role::gradient_clip>) <= 1,
                  "lit: gradients can be clipped in one way only. Keep one GradientClip.");
    return true;
}

}  // namespace lit::detail
