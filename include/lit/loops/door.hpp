// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/loops/run.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <iterator>
#include <string_view>
#include <tuple>
#include <type_traits>

/// The check at the trainer's door: everything that the types of a run can get wrong is said in the first line of fit,
/// validate, test or predict, before any loop is instantiated.
namespace lit::detail {

template <class T>
consteval auto first_batch_type() {
    using Plain = std::remove_cvref_t<T>;
    if constexpr (LoaderPolicy<Plain>) {
        return std::type_identity<loader_batch_t<Plain>>{};
    } else if constexpr (is_loader_tuple<Plain>()) {
        return first_batch_type<std::tuple_element_t<0, Plain>>();
    } else {
        return first_batch_type<decltype(*std::begin(std::declval<deref_t<Plain>&>()))>();
    }
}
template <class Source, class Request>
using batch_of = typename decltype(first_batch_type<requested_t<Source, Request>>())::type;

// Lightning's arguments of each hook, as lit gives them.
template <class H, class... Args>
struct Signature {};

template <class Run, class M, class H, class... Args>
consteval bool check_module(Signature<H, Args...>) {
    if constexpr (H::template names<M>) {
        H::template check_module<module_form<H, M, Run, std::tuple<Args&...>, sizeof...(Args)>().found>();
    }
    return true;
}
template <class Run, class M, class C, class H, class... Args>
consteval bool check_component(Signature<H, Args...>) {
    using Component = component_t<C>;
    if constexpr (std::is_class_v<Component>) {
        if constexpr (H::template names<Component>) {
            H::template check_callback<callback_form<H, Component, std::tuple<Run&, M&, Args&...>,
                                                     sizeof...(Args) + 2>()
                                           .found>();
        }
    }
    return true;
}
template <class Run, class M, class S>
struct CheckOne;
template <class Run, class M, class H, class... Args>
struct CheckOne<Run, M, Signature<H, Args...>> {
    template <class... C>
    static consteval bool components(std::type_identity<ComponentTuple<C...>>) {
        return (check_component<Run, M, C>(Signature<H, Args...>{}) && ... && true);
    }
    static consteval bool all() {
        if constexpr (info(H::id).module_arguments != std::string_view("-")) {
            check_module<Run, M>(Signature<H, Args...>{});
        }
        if constexpr (info(H::id).callback_arguments != std::string_view("-")) {
            components(std::type_identity<typename Run::components_type>{});
        }
        return true;
    }
};
template <class Run, class... S>
consteval bool check_signatures() {
    return (CheckOne<Run, typename Run::module_type, S>::all() && ... && true);
}

/// Hooks of every run.
template <class Run>
consteval bool check_common_hooks() {
    return check_signatures<Run, Signature<hooks::setup, const Stage>, Signature<hooks::teardown, const Stage>,
                            Signature<hooks::prepare_data>, Signature<hooks::configure_model>,
                            Signature<hooks::on_exception, const std::exception>,
                            Signature<hooks::on_save_checkpoint, Dict>,
                            Signature<hooks::on_load_checkpoint, const Dict>>();
}

template <class Run, class Kind>
consteval bool check_evaluation_hooks() {
    using I = std::int64_t;
    if constexpr (Kind::request::template offered<typename Run::source_type>) {
        using Batch = const batch_of<typename Run::source_type, typename Kind::request>;
        check_signatures<Run, Signature<typename Kind::batch_start, Batch, I, I>,
                         Signature<typename Kind::step, Batch, I, I>>();
    }
    return check_signatures<Run, Signature<typename Kind::start>, Signature<typename Kind::end>,
                            Signature<typename Kind::epoch_start>, Signature<typename Kind::epoch_end>,
                            Signature<typename Kind::model_eval>, Signature<typename Kind::model_train>>();
}

template <class Module>
inline constexpr bool has_optimizers = hooks::configure_optimizers::names<Module>;

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
consteval bool check_monitor() {
    if constexpr (requires { Component::monitor_name; } && requires { typename M::Logs; }) {
        constexpr auto monitor = Component::monitor_name;
        static_assert(monitor.empty() || M::Logs::can_monitor(monitor.view()) ||
                          (component_declares<component_t<C>>(monitor.view()) || ...),
                      "lit: this callback's monitor is not in the module's Logs. Log it under that name and add it to "
                      "`using Logs = lit::Logs<...>`, or correct the monitor.");
    }
    return true;
}
template <class M, class... C>
consteval bool check_monitors(std::type_identity<ComponentTuple<C...>>) {
    return (check_monitor<M, component_t<C>, C...>() && ... && true);
}

template <class Run>
consteval bool check_fit() {
    using M = typename Run::module_type;
    using Source = typename Run::source_type;
    using I = std::int64_t;
    static_assert(hooks::training_step::names<M>,
                  "lit: fit needs a training_step. Write at::Tensor training_step(const Batch& batch) in the module; it "
                  "returns the loss.");
    static_assert(has_optimizers<M>,
                  "lit: fit needs configure_optimizers. Write auto configure_optimizers() { return "
                  "lit::AdamW{parameters(), {.lr = 1e-3}}; } in the module.");
    static_assert(TrainRequest::offered<Source>,
                  "lit: fit needs training batches. Pass a loader as the second argument, or a data module with "
                  "train_dataloader().");
    if constexpr (TrainRequest::offered<Source> && hooks::training_step::names<M> && has_optimizers<M>) {
        using Batch = const batch_of<Source, TrainRequest>;
        check_signatures<Run, Signature<hooks::training_step, Batch, I>>();
        if constexpr (automatic_optimization<M> &&
                      module_form<hooks::training_step, M, Run, std::tuple<Batch&, I&>, 2>().found) {
            using Returned = std::remove_cvref_t<decltype(call_module_hook<hooks::training_step>(
                std::declval<Run&>(), std::declval<M&>(), std::declval<Batch&>(), std::declval<I&>()))>;
            static_assert(ReturnsLoss<Returned>,
                          "lit: training_step has to return the loss in automatic optimization: an at::Tensor, an "
                          "std::optional of one, or a struct with a member loss. To optimize by hand, write static "
                          "constexpr bool automatic_optimization = false; in the module.");
        }
        check_signatures<Run, Signature<hooks::on_train_batch_start, Batch, I>,
                         Signature<hooks::on_train_batch_end, StepOutput, Batch, I>>();
    }
    check_signatures<Run, Signature<hooks::on_fit_start>, Signature<hooks::on_fit_end>,
                     Signature<hooks::on_sanity_check_start>, Signature<hooks::on_sanity_check_end>,
                     Signature<hooks::on_train_start>, Signature<hooks::on_train_end>,
                     Signature<hooks::on_train_epoch_start>, Signature<hooks::on_train_epoch_end>,
                     Signature<hooks::on_before_backward, const at::Tensor>,
                     Signature<hooks::backward, const at::Tensor>, Signature<hooks::on_after_backward>>();
    check_evaluation_hooks<Run, Validation>();
    check_common_hooks<Run>();
    check_monitors<M>(std::type_identity<typename Run::components_type>{});
    return true;
}

template <class Run, class Kind>
consteval bool check_evaluation() {
    using M = typename Run::module_type;
    if constexpr (std::same_as<Kind, Validation>) {
        static_assert(Kind::step::template names<M>,
                      "lit: validate needs a validation_step. Write void validation_step(const Batch& batch) in the "
                      "module.");
    } else {
        static_assert(Kind::step::template names<M>,
                      "lit: test needs a test_step. Write void test_step(const Batch& batch) in the module.");
    }
    static_assert(Kind::request::template offered<typename Run::source_type>,
                  "lit: validate and test need batches. Pass a loader as the second argument, or a data module with "
                  "val_dataloader() or test_dataloader().");
    check_evaluation_hooks<Run, Kind>();
    check_common_hooks<Run>();
    return true;
}

template <class Run>
consteval bool check_predict() {
    using M = typename Run::module_type;
    static_assert(hooks::predict_step::names<M>,
                  "lit: predict needs a predict_step. Write auto predict_step(const Batch& batch) in the module; it "
                  "returns the prediction.");
    static_assert(PredictRequest::offered<typename Run::source_type>,
                  "lit: predict needs batches. Pass a loader as the second argument, or a data module with "
                  "predict_dataloader().");
    if constexpr (PredictRequest::offered<typename Run::source_type>) {
        using Batch = const batch_of<typename Run::source_type, PredictRequest>;
        using I = std::int64_t;
        check_signatures<Run, Signature<hooks::predict_step, Batch, I, I>,
                         Signature<hooks::on_predict_batch_start, Batch, I, I>>();
    }
    check_common_hooks<Run>();
    return true;
}

}  // namespace lit::detail
