// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/loops/run.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

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
using loaded_batch_t = typename decltype(first_batch_type<requested_t<Source, Request>>())::type;

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

template <class Run, class H, class... Args>
consteval bool check_data(Signature<H, Args...>) {
    using Data = typename Run::source_type;
    if constexpr (H::template names<Data>) {
        H::template check_data<module_form<H, Data, Run, std::tuple<Args&...>, sizeof...(Args)>().found>();
    }
    return true;
}
template <class Run>
consteval bool check_data_module() {
    if constexpr (Run::has_datamodule) {
        using Data = typename Run::source_type;
        using Exception = std::tuple<const std::exception&>;
        check_data<Run>(Signature<hooks::prepare_data>{});
        check_data<Run>(Signature<hooks::setup, const Stage>{});
        check_data<Run>(Signature<hooks::teardown, const Stage>{});
        if constexpr (hooks::on_exception::names<Data>) {
            static_assert(module_form<hooks::on_exception, Data, Run, Exception, 1>().found,
                          "lit: this data module has a member on_exception that cannot be called as on_exception(const "
                          "std::exception&). Write this argument, or none, and make the member public.");
        }
    }
    return true;
}

/// The hooks that bring a batch to the device. Their results feed each other: those that follow one that is there are
/// checked where they are called.
template <class Run, class Request>
consteval bool check_transfer_hooks() {
    using Batch = const loaded_batch_t<typename Run::source_type, Request>;
    using I = std::int64_t;
    using Before = Signature<hooks::on_before_batch_transfer, Batch, I>;
    using Transfer = Signature<hooks::transfer_batch_to_device, Batch, const at::Device, I>;
    using After = Signature<hooks::on_after_batch_transfer, Batch, I>;
    constexpr bool before = someone_transfers<hooks::on_before_batch_transfer, Run>;
    constexpr bool transfer = someone_transfers<hooks::transfer_batch_to_device, Run>;
    check_signatures<Run, Before>();
    if constexpr (!before) {
        check_signatures<Run, Transfer>();
    }
    if constexpr (!before && !transfer) {
        check_signatures<Run, After>();
    }
    if constexpr (Run::has_datamodule) {
        check_data<Run>(Before{});
        if constexpr (!before) {
            check_data<Run>(Transfer{});
        }
        if constexpr (!before && !transfer) {
            check_data<Run>(After{});
        }
    }
    return true;
}
/// What the steps see of the loader that `Request` asks for.
template <class Run, class Request>
using batch_of = moved_batch_t<Run, loaded_batch_t<typename Run::source_type, Request>>;

/// Hooks of every run.
template <class Run>
consteval bool check_common_hooks() {
    check_data_module<Run>();
    return check_signatures<Run, Signature<hooks::setup, const Stage>, Signature<hooks::teardown, const Stage>,
                            Signature<hooks::prepare_data>, Signature<hooks::configure_model>,
                            Signature<hooks::on_exception, const std::exception>,
                            Signature<hooks::on_save_checkpoint, Dict>,
                            Signature<hooks::on_load_checkpoint, const Dict>>();
}

template <class Output>
struct ShownOutput {
    using type = Output;
};
template <>
struct ShownOutput<void> {
    using type = NoOutput;
};
/// What a step of an evaluation hands to the end hooks of its batch.
template <class Step, class Run, class Batch>
using output_of = typename ShownOutput<std::remove_cvref_t<decltype(call_module_hook<Step>(
    std::declval<Run&>(), std::declval<typename Run::module_type&>(), std::declval<Batch&>(),
    std::declval<std::int64_t&>(), std::declval<std::int64_t&>()))>>::type;

template <class Run, class Kind>
consteval bool check_evaluation_hooks() {
    using I = std::int64_t;
    using M = typename Run::module_type;
    if constexpr (Kind::request::template offered<typename Run::source_type>) {
        check_transfer_hooks<Run, typename Kind::request>();
        using Batch = const batch_of<Run, typename Kind::request>;
        check_signatures<Run, Signature<typename Kind::step, Batch, I, I>,
                         Signature<typename Kind::batch_start, Batch, I, I>>();
        if constexpr (Kind::step::template names<M>) {
            if constexpr (module_form<typename Kind::step, M, Run, std::tuple<Batch&, I&, I&>, 3>().found) {
                using Output = output_of<typename Kind::step, Run, Batch>;
                check_signatures<Run, Signature<typename Kind::batch_end, const Output, Batch, I, I>>();
            }
        }
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

/// Stands for the closure that `optimizer_step` is given.
struct AnyClosure {
    void operator()() const;
};
template <class Run, class Optimizer>
consteval bool check_hooks_of_optimizer() {
    using I = std::int64_t;
    check_signatures<Run, Signature<hooks::on_before_optimizer_step, Optimizer>>();
    if constexpr (automatic_optimization<typename Run::module_type>) {
        check_signatures<Run, Signature<hooks::on_before_zero_grad, Optimizer>,
                         Signature<hooks::optimizer_zero_grad, I, I, Optimizer>,
                         Signature<hooks::configure_gradient_clipping, Optimizer, std::optional<double>, ClipAlgorithm>,
                         Signature<hooks::optimizer_step, I, I, ClosureOptimizer<Run, Optimizer>, const AnyClosure>>();
    }
    return true;
}
template <class Run>
consteval bool check_optimizers() {
    using Configured = typename Run::configured_type;
    if constexpr (!Configured::is_static) {
        return check_hooks_of_optimizer<
            Run, std::remove_reference_t<decltype(std::declval<Configured&>().optimizer(std::size_t{}))>>();
    } else {
        static_assert(!automatic_optimization<typename Run::module_type> || Configured::static_count == 1,
                      "lit: automatic optimization has exactly one optimizer. For several, write static constexpr bool "
                      "automatic_optimization = false; in the module and step them in training_step.");
        return []<std::size_t... N>(std::index_sequence<N...>) {
            return (check_hooks_of_optimizer<Run, std::remove_reference_t<decltype(std::declval<Configured&>()
                                                                                       .template optimizer<N>())>>() &&
                    ... && true);
        }(std::make_index_sequence<Configured::static_count>{});
    }
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
    static_assert(!TrainRequest::offered<Source> || LoaderPolicy<requested_t<Source, TrainRequest>>,
                  "lit: fit takes one training loader, found several (a range or a tuple of loaders). Concatenate their "
                  "datasets, or write a loader that yields a struct with a batch of each.");
    hooks::configure_optimizers::check_module<!has_optimizers<M> || requires(M& m) { m.configure_optimizers(); }>();
    if constexpr (TrainRequest::offered<Source> && LoaderPolicy<requested_t<Source, TrainRequest>> &&
                  hooks::training_step::names<M> && has_optimizers<M>) {
        check_transfer_hooks<Run, TrainRequest>();
        using Batch = const batch_of<Run, TrainRequest>;
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
        check_signatures<Run, Signature<hooks::on_train_batch_start, Batch, I>>();
        if constexpr (module_form<hooks::training_step, M, Run, std::tuple<Batch&, I&>, 2>().found) {
            using Returned = std::remove_cvref_t<decltype(call_module_hook<hooks::training_step>(
                std::declval<Run&>(), std::declval<M&>(), std::declval<Batch&>(), std::declval<I&>()))>;
            check_signatures<Run, Signature<hooks::on_train_batch_end, const typename OutputOf<Returned>::type, Batch, I>>();
        }
        if constexpr (hooks::on_train_batch_start::names<M>) {
            if constexpr (module_form<hooks::on_train_batch_start, M, Run, std::tuple<Batch&, I&>, 2>().found) {
                using Answer = decltype(call_module_hook<hooks::on_train_batch_start>(
                    std::declval<Run&>(), std::declval<M&>(), std::declval<Batch&>(), std::declval<I&>()));
                static_assert(std::is_void_v<Answer> || std::same_as<Answer, Next>,
                              "lit: on_train_batch_start of a module returns nothing or a lit::Next "
                              "(lit::Next::skip_epoch ends the epoch).");
            }
        }
        if constexpr (requires(M& m) { m.configure_optimizers(); }) {
            check_optimizers<Run>();
        }
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
        check_transfer_hooks<Run, PredictRequest>();
        using Batch = const batch_of<Run, PredictRequest>;
        using I = std::int64_t;
        check_signatures<Run, Signature<hooks::predict_step, Batch, I, I>,
                         Signature<hooks::on_predict_batch_start, Batch, I, I>>();
        if constexpr (hooks::predict_step::names<M>) {
            if constexpr (module_form<hooks::predict_step, M, Run, std::tuple<Batch&, I&, I&>, 3>().found) {
                using Returned = decltype(call_module_hook<hooks::predict_step>(
                    std::declval<Run&>(), std::declval<M&>(), std::declval<Batch&>(), std::declval<I&>(),
                    std::declval<I&>()));
                static_assert(!std::is_void_v<Returned>, "lit: predict_step has to return the prediction of its batch.");
                if constexpr (!std::is_void_v<Returned>) {
                    check_signatures<Run, Signature<hooks::on_predict_batch_end, std::remove_cvref_t<Returned>, Batch,
                                                    I, I>>();
                }
            }
        }
    }
    check_signatures<Run, Signature<hooks::on_predict_start>, Signature<hooks::on_predict_end>,
                     Signature<hooks::on_predict_epoch_start>, Signature<hooks::on_predict_epoch_end>,
                     Signature<hooks::on_predict_model_eval>>();
    check_common_hooks<Run>();
    return true;
}

}  // namespace lit::detail
