// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/stage.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

/// A compiler tells the way to a mistake inside of a function from where the function is first used. What stands here is
/// never called: its address is taken in the trainer's own body, so that the way to what the user wrote is short.
namespace lit::detail {

template <class Run, class Module, class Batch>
void use_training_step(Run& run, Module& module, Batch& batch, std::int64_t& batch_idx) {
    constexpr Form form =
        module_form<hooks::training_step, Module, Run, std::tuple<Batch&, std::int64_t&>, 2>();
    if constexpr (form.with_trainer && form.count == 2) {
        static_cast<void>(module.training_step(run, batch, batch_idx));
    } else if constexpr (form.with_trainer && form.count == 1) {
        static_cast<void>(module.training_step(run, batch));
    }
}

/// In place of a hook that a component does not have.
struct UnusedHook {
    static void call(const auto&... /*arguments*/) {}
};
/// Whether a run of this stage calls the hook, and nobody may log in it. Others are left alone: what a hook does with a
/// module need not compile for one that lacks the stage.
template <class H>
consteval bool forbids_in(Stage stage) {
    constexpr HookInfo hook = info(H::id);
    if (hook.logging != Logging::forbidden || hook.callback_arguments != "(trainer, module)") {
        return false;
    }
    const bool of_validation = hook.name.starts_with("on_validation");
    const bool of_test = hook.name.starts_with("on_test");
    const bool of_predict = hook.name.starts_with("on_predict");
    return stage == Stage::fit ? !of_test && !of_predict
                               : stage == Stage::validate ? of_validation : stage == Stage::test ? of_test : of_predict;
}
/// Whether the component takes so many of what it is called with: the trainer, the module.
template <class H, class Run, class C, Stage S>
consteval bool takes_leading(std::size_t count) {
    if constexpr (forbids_in<H>(S) && has_callback_hook<H, C, Run&, typename Run::module_type&>) {
        constexpr Form form = callback_form<H, C, std::tuple<Run&, typename Run::module_type&>, 2>();
        return form.found && form.count == count;
    } else {
        return false;
    }
}
template <class H, class Run, class C, Stage S, std::size_t Count>
using UsedHook = std::conditional_t<takes_leading<H, Run, C, S>(Count), H, UnusedHook>;

/// The hooks of a component that Lightning gives the trainer and the module only, and in which nobody may log.
template <class Run, class C, Stage S, class Hooks = AllHooks>
struct UsedHooks;
template <class Run, class C, Stage S, class... H>
struct UsedHooks<Run, C, S, HookList<H...>> {
    static void use(C& component, Run& run, typename Run::module_type& module) {
        (static_cast<void>(UsedHook<H, Run, C, S, 2>::call(component, run, module)), ...);
        (static_cast<void>(UsedHook<H, Run, C, S, 1>::call(component, run)), ...);
    }
};

}  // namespace lit::detail
