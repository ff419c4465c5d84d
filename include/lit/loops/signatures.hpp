// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/loops/dispatch.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

/// Which hooks of a run can be called with Lightning's arguments, and what they return: asked of the types alone, so
/// that a mistake can be reported before anything is compiled that would stumble over it.
namespace lit::detail {

// Lightning's arguments of each hook, as lit gives them.
template <class H, class... Args>
struct Signature {};

/// The first hook that is nearly right, and whose it is. It is looked for without assertions and reported from the
/// trainer's own body, so that the message stands at the top of what the compiler says.
enum class Culprit : std::uint8_t {
    nobody,
    module,
    callback,
    data_module,
    said,  ///< something else, which an assertion has said already
};
struct Mistake {
    Culprit culprit = Culprit::nobody;
    Hook hook = Hook::none;

    [[nodiscard]] constexpr bool made() const { return culprit != Culprit::nobody; }
    /// The first of two.
    [[nodiscard]] constexpr Mistake operator|(const Mistake& other) const { return made() ? *this : other; }
};

template <class>
struct HookTypes;
template <class... H>
struct HookTypes<HookList<H...>> {
    using type = std::tuple<std::type_identity<H>...>;
};
template <Mistake M>
constexpr void report() {
    if constexpr (M.made() && M.culprit != Culprit::said) {
        using H = typename std::tuple_element_t<static_cast<std::size_t>(M.hook),
                                                typename HookTypes<AllHooks>::type>::type;
        if constexpr (M.culprit == Culprit::module) {
            H::template check_module<false>();
        } else if constexpr (M.culprit == Culprit::callback) {
            H::template check_callback<false>();
        } else if constexpr (M.culprit == Culprit::data_module) {
            H::template check_data<false>();
        }
    }
}

template <class Run, class M, class H, class... Args>
consteval bool module_takes(Signature<H, Args...>) {
    return module_form<H, M, Run, std::tuple<Args&...>, sizeof...(Args)>().found;
}
template <class Run, class C, class H, class... Args>
consteval Mistake check_component(Signature<H, Args...>) {
    using Component = component_t<C>;
    if constexpr (std::is_class_v<Component>) {
        if constexpr (H::template names<Component>) {
            using Arguments = std::tuple<Run&, typename Run::module_type&, Args&...>;
            if constexpr (!callback_form<H, Component, Arguments, sizeof...(Args) + 2>().found) {
                return {Culprit::callback, H::id};
            }
        }
    }
    return {};
}
template <class Run, class Signature, class... C>
consteval Mistake check_components(std::type_identity<ComponentTuple<C...>>) {
    return (Mistake{} | ... | check_component<Run, C>(Signature{}));
}
template <class Run, class H, class... Args>
consteval Mistake check_signature(Signature<H, Args...> signature) {
    using M = typename Run::module_type;
    if constexpr (info(H::id).module_arguments != std::string_view("-") && H::template names<M>) {
        if constexpr (!module_takes<Run, M>(signature)) {
            return {Culprit::module, H::id};
        }
    }
    if constexpr (info(H::id).callback_arguments != std::string_view("-")) {
        return check_components<Run, Signature<H, Args...>>(
            std::type_identity<typename Run::components_type>{});
    }
    return {};
}
template <class Run, class... S>
consteval Mistake check_signatures() {
    return (Mistake{} | ... | check_signature<Run>(S{}));
}

template <class Run, class H, class... Args>
consteval Mistake check_data_signature(Signature<H, Args...> signature) {
    using Data = typename Run::source_type;
    if constexpr (Run::has_datamodule) {
        if constexpr (H::template names<Data>) {
            if constexpr (!module_takes<Run, Data>(signature)) {
                return {Culprit::data_module, H::id};
            }
        }
    }
    return {};
}
template <class Run, class... S>
consteval Mistake check_data_signatures() {
    return (Mistake{} | ... | check_data_signature<Run>(S{}));
}

template <class Step, class M, class Arguments, class... Front, std::size_t... I>
consteval auto returned_by(std::index_sequence<I...>) {
    return std::type_identity<
        typename Step::template returned<M, Front..., std::tuple_element_t<I, Arguments>...>>{};
}
/// What a step of the module returns for a batch, found without compiling the step.
template <class Step, class Run, class... Args>
consteval auto returned_type() {
    using M = typename Run::module_type;
    using Arguments = std::tuple<Args&...>;
    constexpr Form form = module_form<Step, M, Run, Arguments, sizeof...(Args)>();
    if constexpr (form.with_trainer) {
        return returned_by<Step, M, Arguments, Run&>(std::make_index_sequence<form.count>{});
    } else {
        return returned_by<Step, M, Arguments>(std::make_index_sequence<form.count>{});
    }
}
template <class Step, class Run, class... Args>
using returned_of = typename decltype(returned_type<Step, Run, Args...>())::type;

}  // namespace lit::detail
