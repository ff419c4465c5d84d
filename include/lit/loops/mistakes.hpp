// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/misnamed_hooks.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/loops/schedulers.hpp>
#include <lit/loops/signatures.hpp>
#include <lit/module/module.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Mistakes that are no matter of a hook's arguments: a wrong name, nothing returned, parts that do not go
/// together. Each function says in an assertion what is wrong, and answers whether nothing is.
namespace lit::detail {

/// Members of the module and of the data module that are meant as hooks, and are called otherwise.
template <class Run>
consteval bool hooks_are_named_rightly() {
    constexpr MisnamedRow module = first_misnamed<typename Run::module_type, HookOwner::module>();
    report_misnamed<module, HookOwner::module>();
    if constexpr (Run::has_datamodule) {
        constexpr MisnamedRow data = first_misnamed<typename Run::source_type, HookOwner::data_module>();
        report_misnamed<data, HookOwner::data_module>();
        return module == MisnamedRow::none && data == MisnamedRow::none;
    } else {
        return module == MisnamedRow::none;
    }
}

/// Says itself what it needs of a fit.
template <class C, class Run>
concept ChecksItself = requires {
    &C::template check_fit<typename Run::module_type, typename Run::configured_type>;
};
/// A component that may be absent is looked at when the run begins: `check_manual_optimization`.
template <class Run, class... C>
consteval bool components_suit_optimization(std::type_identity<ComponentTuple<C...>> /*components*/) {
    using Module = typename Run::module_type;
    constexpr bool clips = ((ClipsGradients<C> && !ChecksItself<C, Run>) || ...);
    constexpr bool adds_up = ((AccumulatesGradients<C> && !ChecksItself<C, Run>) || ...);
    static_assert(automatic_optimization<Module> || !clips,
                  "lit: GradientClip has no effect in manual optimization. Leave it out, and call "
                  "trainer.clip_gradients("
                  "optimizer, value) before optimizer.step() in training_step.");
    static_assert(
        automatic_optimization<Module> || !adds_up,
        "lit: gradients are not accumulated by a component in manual optimization. Leave it out, and call "
        "optimizer.step() and zero_grad() every so many batches in training_step.");
    return automatic_optimization<Module> || (!clips && !adds_up);
}
/// Errors  ConfigError for clipping or accumulation in manual optimization, where only the run knows of it.
template <class Run>
void check_manual_optimization(Run& run) {
    if constexpr (!automatic_optimization<typename Run::module_type>) {
        for_each_component(run.components(), [](const auto& component) {
            using C = std::remove_cvref_t<decltype(component)>;
            if constexpr (ClipsGradients<C>) {
                if (component.clip_val() > 0.0) {
                    throw ConfigError(
                        "GradientClip: it has no effect in manual optimization. Leave it out, and call "
                        "trainer.clip_gradients(optimizer, value) before optimizer.step() in training_step.");
                }
            }
            if constexpr (AccumulatesGradients<C>) {
                if (component.accumulate_grad_batches() != 1) {
                    throw ConfigError(
                        "GradientAccumulation: it has no effect in manual optimization. Leave it out, and "
                        "step every so "
                        "many batches in training_step.");
                }
            }
        });
    }
}

template <class H, class Owner, class Run, class Batch, class... Args>
consteval auto returned_by_transfer() {
    using Arguments = std::tuple<const Batch&, Args&...>;
    constexpr Form form = module_form<H, Owner, Run, Arguments, sizeof...(Args) + 1>();
    if constexpr (!form.found) {
        return std::type_identity<Batch>{};
    } else if constexpr (form.with_trainer) {
        using Returned = typename decltype(returned_by<H, Owner, Arguments, Run&>(
            std::make_index_sequence<form.count>{}))::type;
        return std::type_identity<std::remove_cvref_t<Returned>>{};
    } else {
        using Returned =
            typename decltype(returned_by<H, Owner, Arguments>(std::make_index_sequence<form.count>{}))::type;
        return std::type_identity<std::remove_cvref_t<Returned>>{};
    }
}
/// What a batch is after the hook, as far as the types tell.
template <class H, class Run, class Batch, class... Args>
consteval auto after_transfer_hook() {
    if constexpr (std::is_void_v<Batch>) {
        return std::type_identity<void>{};
    } else if constexpr (Run::has_datamodule && H::template names<typename Run::source_type>) {
        return returned_by_transfer<H, typename Run::source_type, Run, Batch, Args...>();
    } else if constexpr (H::template names<typename Run::module_type>) {
        return returned_by_transfer<H, typename Run::module_type, Run, Batch, Args...>();
    } else {
        return std::type_identity<Batch>{};
    }
}
template <class Run, class Request>
consteval bool transfer_hooks_return() {
    using I = std::int64_t;
    using Loaded = std::remove_cvref_t<loaded_batch_t<typename Run::source_type, Request>>;
    using Before =
        typename decltype(after_transfer_hook<hooks::on_before_batch_transfer, Run, Loaded, I>())::type;
    using Moved = typename decltype(after_transfer_hook<hooks::transfer_batch_to_device, Run, Before,
                                                        const at::Device, I>())::type;
    using After =
        typename decltype(after_transfer_hook<hooks::on_after_batch_transfer, Run, Moved, I>())::type;
    return !std::is_void_v<After>;
}

/// `training_step` with a third argument: Lightning 1's number of the optimizer.
template <class Run, class Batch>
consteval bool takes_no_optimizer_idx() {
    using M = typename Run::module_type;
    using I = std::int64_t;
    constexpr bool takes = hooks::training_step::template accepts<M, Batch&, I&, I&> ||
                           hooks::training_step::template accepts<M, Run&, Batch&, I&, I&>;
    static_assert(!takes,
                  "lit: training_step takes no optimizer_idx: Lightning 2 removed it. For several optimizers "
                  "write static "
                  "constexpr bool automatic_optimization = false; and step trainer.optimizers() yourself.");
    return !takes;
}

/// What a step returned in place of its loss, where that can be told.
template <class Returned>
consteval bool check_returned_loss() {
    constexpr bool number = std::is_arithmetic_v<Returned>;
    constexpr bool other = std::is_class_v<Returned> && !ReturnsLoss<Returned>;
    static_assert(!number,
                  "lit: training_step returned a plain number, which knows no gradients. Return the tensor "
                  "that the loss "
                  "is, not its .item().");
    static_assert(!other,
                  "lit: training_step returned a struct in which no loss is found. Name the member loss: "
                  "struct Output { "
                  "at::Tensor loss; ... };");
    return !number && !other;
}

template <class Run, class Batch, class C>
consteval bool start_returns_nothing() {
    using Component = component_t<C>;
    using H = hooks::on_train_batch_start;
    using Arguments = std::tuple<Run&, typename Run::module_type&, Batch&, std::int64_t&>;
    if constexpr (std::is_class_v<Component>) {
        if constexpr (H::template names<Component>) {
            constexpr Form form = callback_form<H, Component, Arguments, 4>();
            if constexpr (form.found) {
                using Returned = typename decltype(returned_by<H, Component, Arguments>(
                    std::make_index_sequence<form.count>{}))::type;
                return std::is_void_v<Returned>;
            }
        }
    }
    return true;
}
template <class Run, class Batch, class... C>
consteval bool callbacks_return_nothing(std::type_identity<ComponentTuple<C...>> /*components*/) {
    constexpr bool nothing = (start_returns_nothing<Run, Batch, C>() && ... && true);
    static_assert(nothing,
                  "lit: on_train_batch_start of a callback returns something, and only the module's answer "
                  "is heard. Return "
                  "nothing; to end the epoch, return lit::Next::skip_epoch from the module's hook.");
    return nothing;
}

template <class Held>
struct SlotIn {
    using type = Held;
};
template <class Slot>
struct SlotIn<std::optional<Slot>> {
    using type = Slot;
};
template <class Slot>
struct SlotIn<std::vector<Slot>> {
    using type = Slot;
};
template <class Run, class Optimizer, class... Held>
consteval Mistake check_slots_of(std::type_identity<std::tuple<Held...>> /*slots*/) {
    return (Mistake{} | ... |
            check_signature<Run>(
                Signature<hooks::lr_scheduler_step, ScheduledStep<typename SlotIn<Held>::type, Optimizer>,
                          std::optional<double>>{}));
}
template <class Run, class Entry>
consteval Mistake check_schedulers_of() {
    return check_slots_of<Run, decltype(Entry::optimizer)>(std::type_identity<decltype(Entry::slots)>{});
}
/// `lr_scheduler_step` against every scheduler that there is.
template <class Run>
consteval Mistake check_scheduler_hooks() {
    using M = typename Run::module_type;
    using Configured = typename Run::configured_type;
    if constexpr (automatic_optimization<M> && hooks::lr_scheduler_step::names<M>) {
        using Entries = typename Configured::Entries;
        if constexpr (Configured::is_static) {
            return []<std::size_t... N>(std::index_sequence<N...>) {
                return (Mistake{} | ... | check_schedulers_of<Run, std::tuple_element_t<N, Entries>>());
            }
            (std::make_index_sequence<Configured::static_count>{});
        } else {
            return check_schedulers_of<Run, typename Entries::value_type>();
        }
    } else {
        return {};
    }
}

}  // namespace lit::detail
