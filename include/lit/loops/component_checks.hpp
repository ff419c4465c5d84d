// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>

#include <string_view>
#include <type_traits>

/// What the components of a run are asked at the trainer's door, where the types of module, data and optimizers are known.
namespace lit::detail {

/// A monitor that is known when compiled has to be declared, where the module declares anything.
template <class C>
consteval bool component_declares(std::string_view monitor) {
    if constexpr (requires { typename C::Logs; }) {
        return C::Logs::can_monitor(monitor);
    } else {
        return false;
    }
}
template <class M, class Component, class... C>
consteval bool monitor_is_declared() {
    if constexpr (
        requires { Component::monitor_name; } && requires { typename M::Logs; }) {
        constexpr auto monitor = Component::monitor_name;
        return monitor.empty() || M::Logs::can_monitor(monitor.view()) ||
               (component_declares<component_t<C>>(monitor.view()) || ...);
    } else {
        return true;
    }
}
template <class M, class... C>
consteval bool monitors_are_declared(std::type_identity<ComponentTuple<C...>>) {
    return (monitor_is_declared<M, component_t<C>, C...>() && ... && true);
}

/// What a component itself says about the types of a fit, in a static `check_fit<Module, Configured>()`, and about where
/// the data come from, in `check_source<Source>()`. One that may be absent says it when training begins.
template <class Module, class Configured, class Source, class C>
consteval void ask_component() {
    if constexpr (requires { &C::template check_source<Source>; }) {
        C::template check_source<Source>();
    }
    if constexpr (requires { &C::template check_fit<Module, Configured>; }) {
        C::template check_fit<Module, Configured>();
    }
}
template <class Module, class Configured, class Source, class... C>
consteval bool ask_components(std::type_identity<ComponentTuple<C...>>) {
    (ask_component<Module, Configured, Source, C>(), ...);
    return true;
}

/// What a component says about the types of its predictions, in a static `check_predict<Run, Prediction, Batch>()`.
template <class Run, class Prediction, class Batch, class C>
consteval void ask_writer() {
    if constexpr (requires { &C::template check_predict<Run, Prediction, Batch>; }) {
        C::template check_predict<Run, Prediction, Batch>();
    }
}
template <class Run, class Prediction, class Batch, class... C>
consteval bool ask_writers(std::type_identity<ComponentTuple<C...>> /*components*/) {
    (ask_writer<Run, Prediction, Batch, component_t<C>>(), ...);
    return true;
}

}  // namespace lit::detail
