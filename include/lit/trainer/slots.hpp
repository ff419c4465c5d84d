// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/misnamed_hooks.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/precision/precision.hpp>
#include <lit/strategies/strategy.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lit::detail {

template <class C>
inline constexpr bool fits_third_slot = CallbackPolicy<C>;

/// A pointer of any kind or a reference wrapper, where the thing itself is expected.
template <class C>
inline constexpr bool is_handle = [] {
    if constexpr (requires(C& c) { *c; }) {
        return std::same_as<C, component_t<C>>;
    } else {
        return requires(C& c) { typename C::type; c.get(); };
    }
}();
/// A component that may be absent counts for what it may be.
template <class C>
inline constexpr bool is_immovable = std::is_class_v<C> && !std::movable<C>;

/// The state's key, where it is a constant of the type; empty where it depends on the settings.
template <class C>
constexpr std::string_view fixed_state_key() {
    if constexpr (requires { typename std::integral_constant<std::size_t, std::string_view(C::state_key()).size()>; }) {
        return C::state_key();
    } else {
        return {};
    }
}
template <class... C>
consteval bool fixed_state_keys_differ() {
    const std::array<std::string_view, sizeof...(C) + 1> keys{fixed_state_key<component_t<C>>()...};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        for (std::size_t j = i + 1; j < keys.size(); ++j) {
            if (!keys[i].empty() && keys[i] == keys[j]) {
                return false;
            }
        }
    }
    return true;
}

/// Errors  ConfigError when two components keep their state under one key: a checkpoint could hold one of them only.
template <class... C>
void check_state_keys(ComponentTuple<C...>& components) {
    std::vector<std::string> keys;
    for_each_component(components, [&keys](auto& component) {
        if constexpr (StatefulCallback<std::remove_cvref_t<decltype(component)>>) {
            std::string key = component.state_key();
            if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
                throw ConfigError("Trainer: two components have the state key \"" + key +
                                  "\", and a checkpoint can hold one of them only. Keep one, or let them differ in what "
                                  "the key names.");
            }
            keys.push_back(std::move(key));
        }
    });
}

/// Has a part of what a callback with state has, so that a checkpoint would leave it out.
template <class C>
concept HalfStateful =
    !StatefulCallback<C> && (requires(C& c) { c.state_dict(); } ||
                             requires(C& c, const Dict& state) { c.load_state_dict(state); });

// Written as assertions rather than as constraints of the template: a constraint that fails is reported as "no matching
// constructor", and the user would have to read on to find out why.
/// Stands for arguments of Trainer that are not strategy, precision, options, components.
template <class... Given>
struct AnotherOrder {};
template <class T>
inline constexpr bool is_another_order = false;
template <class... Given>
inline constexpr bool is_another_order<AnotherOrder<Given...>> = true;

template <class... Given>
consteval bool check_order(std::type_identity<AnotherOrder<Given...>> /*given*/) {
    constexpr bool options = (std::same_as<Given, TrainerOptions> || ...);
    constexpr bool strategy = (StrategyPolicy<Given> || ...);
    constexpr bool precision = (PrecisionPolicy<Given> || ...);
    static_assert(options,
                  "lit: Trainer was given no lit::TrainerOptions. They stand after the strategy and the precision: "
                  "lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10}, ...}.");
    static_assert(!options || strategy,
                  "lit: Trainer was given no strategy. It stands first: lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, "
                  "lit::TrainerOptions{...}, ...}; or let lit::default_trainer(options, ...) choose.");
    static_assert(!options || !strategy || precision,
                  "lit: Trainer was given no precision. It stands after the strategy: lit::Trainer{lit::SingleDevice{}, "
                  "lit::Fp32{}, lit::TrainerOptions{...}, ...}.");
    static_assert(!options || !strategy || !precision,
                  "lit: Trainer takes a strategy, a precision, lit::TrainerOptions and then the components, in this order. "
                  "Write lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{...}, ...}.");
    return false;
}

/// The first component with a misnamed hook tells its name.
template <class... Components>
consteval bool check_names() {
    (report_misnamed<first_misnamed<component_t<Components>, HookOwner::callback>(), HookOwner::callback>(), ...);
    return true;
}

template <class Strategy, class Precision, class... Components>
consteval bool check_components_and_slots() {
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
    static_assert(!StrategyPolicy<Strategy> || !PrecisionPolicy<Precision> || ComputesIn<Strategy, Precision>,
                  "lit: this strategy cannot compute in this precision (its can_compute_in<Precision> is false). Choose "
                  "another precision, for instance lit::Fp32{}, or another strategy.");
    static_assert((!is_handle<Components> && ...),
                  "lit: a component of this Trainer is a pointer or a reference wrapper. The trainer holds its components "
                  "itself: pass the component, and reach it afterwards with trainer.get<Component>().");
    static_assert((!std::same_as<component_t<Components>, TrainerOptions> && ...),
                  "lit: lit::TrainerOptions were given twice. Keep those after the precision.");
    static_assert((!is_immovable<Components> && ...),
                  "lit: a component of this Trainer cannot be moved, and so not be handed over: it has a member that is a "
                  "reference, const, or not movable itself. Hold a pointer, or an std::unique_ptr of it.");
    static_assert(check_names<Components...>());
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
    static_assert((0 + ... + (CheckpointIOPolicy<component_t<Components>> ? 1 : 0)) <= 1,
                  "lit: two components write the checkpoints, and only the first would be asked. Keep one AsyncCheckpoint.");
    static_assert((0 + ... + has_role<Components, role::gradient_clip>) <= 1,
                  "lit: gradients can be clipped in one way only. Keep one GradientClip.");
    static_assert((0 + ... + (SizesBatches<Components> ? 1 : 0)) <= 1,
                  "lit: two components set the batch size, and only the last would be heard. Keep one DynamicBatchSize, "
                  "with all epochs in it: {{.at_epoch = {{0, 32}, {10, 64}}}}.");
    static_assert((0 + ... + (ReplacesSchedule<Components> ? 1 : 0)) <= 1,
                  "lit: two components put a schedule in the place of the module's, and only one can. Keep one "
                  "StochasticWeightAveraging.");
    static_assert((!HalfStateful<component_t<Components>> && ...),
                  "lit: a component of this Trainer has a part of a state, which no checkpoint would hold. Write all three: "
                  "std::string state_key() const, lit::Dict state_dict() const, void load_state_dict(const lit::Dict& "
                  "state).");
    static_assert(fixed_state_keys_differ<Components...>(),
                  "lit: two components have the same state_key(), and a checkpoint can hold one of them only. Keep one, or "
                  "let state_key() tell them apart.");
    return true;
}

template <class Strategy, class Precision, class... Components>
consteval bool check_slots() {
    if constexpr (is_another_order<Strategy>) {
        return check_order(std::type_identity<Strategy>{});
    } else {
        return check_components_and_slots<Strategy, Precision, Components...>();
    }
}

}  // namespace lit::detail
