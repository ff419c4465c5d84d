// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/held_callable.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/hooks.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace lit {

namespace detail {

struct NoSuchHook {};
template <FixedString Name>
consteval auto callback_hook(HookList<>) {
    return std::type_identity<NoSuchHook>{};
}
template <FixedString Name, class First, class... Rest>
consteval auto callback_hook(HookList<First, Rest...>) {
    if constexpr (info(First::id).name == Name.view() && info(First::id).callback_arguments != "-") {
        return std::type_identity<First>{};
    } else {
        return callback_hook<Name>(HookList<Rest...>{});
    }
}
template <FixedString Name>
using callback_hook_t = typename decltype(callback_hook<Name>(AllHooks{}))::type;

}  // namespace detail

/// A closure under the name of a hook, for a LambdaCallback.
template <class Hook, class Member>
struct HookClosure : Member {};

/// The closure for one of Lightning's hooks: `lit::hook<"on_train_start">([](auto& trainer, auto& module) { ... })`.
///
/// It is given `(auto& trainer, auto& module, ...)` and Lightning's arguments of that hook; trailing ones, or all of
/// them, may be left out.
/// Errors  a name that is no hook of callbacks does not compile.
template <FixedString Name, class F>
[[nodiscard]] auto hook(F closure) {
    using Hook = detail::callback_hook_t<Name>;
    constexpr bool known = !std::same_as<Hook, detail::NoSuchHook>;
    static_assert(
        known,
        "lit: callbacks have no hook of this name. There are setup, teardown, on_exception, "
        "on_save_checkpoint, on_load_checkpoint, on_before_zero_grad, on_before_backward, on_after_backward, "
        "on_before_optimizer_step, on_fit_start, on_fit_end, on_sanity_check_start, on_sanity_check_end, and "
        "on_{train,validation,test,predict}_{start,end,epoch_start,epoch_end,batch_start,batch_end}.");
    if constexpr (known) {
        using Member = typename Hook::template Member<detail::HeldCallable<F>>;
        return HookClosure<Hook, Member>{{detail::HeldCallable<F>(std::move(closure))}};
    } else {
        return detail::NoSuchHook{};
    }
}

namespace detail {

template <class T>
inline constexpr bool is_hook_closure = std::same_as<T, NoSuchHook>;  // which has been told of already
template <class Hook, class Member>
inline constexpr bool is_hook_closure<HookClosure<Hook, Member>> = true;

template <class A, class B>
inline constexpr bool same_hook = false;
template <class Hook, class A, class B>
inline constexpr bool same_hook<HookClosure<Hook, A>, HookClosure<Hook, B>> = true;
template <class H, class... All>
inline constexpr int times_given = (0 + ... + (same_hook<H, All> ? 1 : 0));

template <class... Closures>
consteval bool check_closures() {
    static_assert((is_hook_closure<Closures> && ...),
                  "lit: LambdaCallback takes closures under the names of hooks. Write lit::LambdaCallback{"
                  "lit::hook<\"on_train_start\">([](auto& trainer, auto& module) { ... }), ...}.");
    static_assert(
        ((times_given<Closures, Closures...> <= 1) && ...),
        "lit: this LambdaCallback was given two closures for one hook. Call both in one closure, or use two "
        "LambdaCallbacks.");
    return true;
}

}  // namespace detail

/// A callback made of closures, one per hook:
/// `lit::LambdaCallback{lit::hook<"on_train_end">([](auto& trainer) { ... }), lit::hook<"setup">(...)}`.
///
/// Cost    that of a callback written by hand; closures without captures take no room.
/// Errors  a closure that cannot be called with its hook's arguments does not compile, as a member of that name would not.
/// Source  Lightning `LambdaCallback`, with the hooks as `hook<"name">` for want of keyword arguments.
template <class... Closures>
class LambdaCallback : public Closures... {
    static_assert(detail::check_closures<Closures...>());

 public:
    explicit LambdaCallback(Closures... closures) : Closures(std::move(closures))... {}
};

}  // namespace lit
