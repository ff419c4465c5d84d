// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/run_state.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// Marks the hook that is being called, so that `log` knows where it stands; nested calls restore the outer one.
class HookScope {
 public:
    HookScope(RunState& state, Hook hook) : state_(state), outer_(state.current_hook) { state.current_hook = hook; }
    HookScope(const HookScope&) = delete;
    HookScope& operator=(const HookScope&) = delete;
    ~HookScope() { state_.current_hook = outer_; }

 private:
    RunState& state_;
    Hook outer_;
};

template <class H, class Run, class C, class... Args>
inline constexpr bool component_listens =
    has_callback_hook<H, component_t<C>, Run&, typename Run::module_type&, Args&...>;

template <class H, class Run, class Components, class... Args>
inline constexpr bool anyone_listens = false;
template <class H, class Run, class... C, class... Args>
inline constexpr bool anyone_listens<H, Run, ComponentTuple<C...>, Args...> =
    (component_listens<H, Run, C, Args...> || ...);

/// Whether the module has the hook.
template <class H, class Run, class... Args>
inline constexpr bool module_listens = has_module_hook<H, Run, typename Run::module_type, Args&...>;

/// Calls the hook on those components for which `Wanted<Role>` holds, in their order.
template <class H, template <class> class Wanted, class Run, class... Args>
void call_callbacks_if(Run& run, Args&&... args) {
    if constexpr (anyone_listens<H, Run, typename Run::components_type, Args...>) {
        const HookScope scope(run.state(), H::id);
        for_each_component(run.components(), [&](auto& component) {
            using C = std::remove_reference_t<decltype(component)>;
            if constexpr (component_listens<H, Run, C, Args...> && Wanted<role_t<C>>::value) {
                call_callback_hook<H>(component, run, run.module(), args...);
            }
        });
    }
}

template <class Components>
inline constexpr bool any_prediction_writer = false;
template <class... C>
inline constexpr bool any_prediction_writer<ComponentTuple<C...>> = (WritesPredictions<component_t<C>> || ...);

template <class Components>
inline constexpr bool any_timer = false;
template <class... C>
inline constexpr bool any_timer<ComponentTuple<C...>> = (has_role<C, role::timer> || ...);
/// Whether a component keeps the time; then `max_time` does not. One that may be absent counts where it is there.
template <class Run>
[[nodiscard]] bool has_timer(const Run& run) {
    bool found = false;
    if constexpr (any_timer<typename Run::components_type>) {
        for_each_component(run.components(), [&](auto& component) {
            found = found || has_role<std::remove_reference_t<decltype(component)>, role::timer>;
        });
    }
    return found;
}
template <class Run>
[[nodiscard]] bool keeps_max_time(const Run& run) {
    return run.options().max_time.has_value() && !has_timer(run);
}

template <class Role>
struct AnyRole : std::true_type {};
/// The components that look at what a module logs in on_train_epoch_end, and so have to run after it.
template <class Role>
struct Monitors : std::bool_constant<std::same_as<Role, role::monitor> || std::same_as<Role, role::checkpoint>> {};
template <class Role>
struct DoesNotMonitor : std::bool_constant<!Monitors<Role>::value> {};

template <class H, class Run, class... Args>
void call_callbacks(Run& run, Args&&... args) {
    call_callbacks_if<H, AnyRole>(run, args...);
}

/// Calls the module's hook if it has it; what the hook returns comes back.
template <class H, class Run, class... Args>
decltype(auto) call_module(Run& run, Args&&... args) {
    if constexpr (module_listens<H, Run, Args...>) {
        const HookScope scope(run.state(), H::id);
        return call_module_hook<H>(run, run.module(), args...);
    }
}

/// Callbacks first, then the module: the order of every shared hook but on_train_epoch_end.
template <class H, class Run, class... Args>
void call_all(Run& run, Args&&... args) {
    call_callbacks<H>(run, args...);
    call_module<H>(run, args...);
}

/// Whether a callback's hook reaches so far into its arguments that it sees the one at `Index` (0: the first of
/// Lightning's).
template <class H, std::size_t Index, class Run, class C, class... Args>
consteval bool component_takes() {
    if constexpr (component_listens<H, Run, C, Args...>) {
        using Arguments = std::tuple<Run&, typename Run::module_type&, Args&...>;
        return callback_form<H, component_t<C>, Arguments, sizeof...(Args) + 2>().count > Index + 2;
    } else {
        return false;
    }
}
template <class H, std::size_t Index, class Run, class Components, class... Args>
inline constexpr bool someone_takes = false;
template <class H, std::size_t Index, class Run, class... C, class... Args>
inline constexpr bool someone_takes<H, Index, Run, ComponentTuple<C...>, Args...> =
    (component_takes<H, Index, Run, C, Args...>() || ...) || module_listens<H, Run, Args...>;

}  // namespace lit::detail
