// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/run_state.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// What a trainer is made of; empty parts take no room.
template <class Strategy, class Precision, class Components>
struct TrainerParts {
    using strategy_type = Strategy;
    using precision_type = Precision;
    using components_type = Components;

    [[no_unique_address]] Strategy strategy;
    [[no_unique_address]] Precision precision;
    [[no_unique_address]] Components components;
    TrainerOptions options;
    RunState state;
};

template <class Module>
consteval auto configured_type() {
    if constexpr (requires(Module& m) { m.configure_optimizers(); }) {
        return std::type_identity<Configured<std::remove_cvref_t<decltype(std::declval<Module&>().configure_optimizers())>>>{};
    } else {
        return std::type_identity<Configured<std::tuple<>>>{};
    }
}
template <class Module>
using configured_t = typename decltype(configured_type<Module>())::type;

/// Where a run keeps its optimizers; parts that borrow those of another run say how.
template <class Parts, class Module>
struct ConfiguredFor {
    using type = configured_t<Module>;
};
template <class Parts, class Module>
    requires requires { typename Parts::template configured_type<Module>; }
struct ConfiguredFor<Parts, Module> {
    using type = typename Parts::template configured_type<Module>;
};

struct NoBase {};
/// A callback's own `log` is the module's; the hooks of all callbacks are known to it.
template <class Run, class Module, class Components>
struct LogCallsOf;
template <class Run, class Module, class... C>
struct LogCallsOf<Run, Module, ComponentTuple<C...>> {
    using type = LogCalls<NoBase, Run, Module, component_t<C>...>;
};

}  // namespace lit::detail
