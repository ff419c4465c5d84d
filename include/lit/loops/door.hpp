// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/collectives/collective.hpp>
#include <lit/core/hooks.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/component_checks.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/managed_optimizer.hpp>
#include <lit/loops/mistakes.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/loops/run.hpp>
#include <lit/loops/signatures.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// The check at the trainer's door: everything that the types of a run can get wrong is said in the first line of fit,
/// validate, test or predict, before any loop is instantiated.
namespace lit::detail {

/// The hooks that bring a batch to the device. Their results feed each other: those that follow one that is there are
/// checked where they are called.
template <class Run, class Request>
consteval Mistake check_transfer_hooks() {
    using Batch = const loaded_batch_t<typename Run::source_type, Request>;
    using I = std::int64_t;
    using Before = Signature<hooks::on_before_batch_transfer, Batch, I>;
    using Transfer = Signature<hooks::transfer_batch_to_device, Batch, const at::Device, I>;
    using After = Signature<hooks::on_after_batch_transfer, Batch, I>;
    constexpr bool returns = transfer_hooks_return<Run, Request>();
    // Here, not in the function asked: every step between fit and the message is a line of g++'s before it.
    static_assert(returns,
                  "lit: on_before_batch_transfer, transfer_batch_to_device and on_after_batch_transfer have to return the "
                  "batch, and one of them returns nothing. Write return batch; at its end.");
    constexpr bool before = someone_transfers<hooks::on_before_batch_transfer, Run>;
    constexpr bool transfer = someone_transfers<hooks::transfer_batch_to_device, Run>;
    if constexpr (!returns) {
        return {Culprit::said};
    } else if constexpr (before) {
        return check_signatures<Run, Before>() | check_data_signatures<Run, Before>();
    } else if constexpr (transfer) {
        return check_signatures<Run, Transfer>() | check_data_signatures<Run, Transfer>();
    } else {
        return check_signatures<Run, After>() | check_data_signatures<Run, After>();
    }
}
/// Hooks of every run.
template <class Run>
consteval Mistake check_common_hooks() {
    using Setup = Signature<hooks::setup, const Stage>;
    using Teardown = Signature<hooks::teardown, const Stage>;
    using OnException = Signature<hooks::on_exception, const std::exception>;
    return check_data_signatures<Run, Signature<hooks::prepare_data>, Setup, Teardown, OnException>() |
           check_signatures<Run, Setup, Teardown, Signature<hooks::prepare_data>,
                            Signature<hooks::configure_model>, OnException,
                            Signature<hooks::on_save_checkpoint, Dict>,
                            Signature<hooks::on_load_checkpoint, const Dict>>();
}

template <class Output>
struct ShownOutput {
    using type = std::remove_cvref_t<Output>;
};
template <>
struct ShownOutput<void> {
    using type = NoOutput;
};

/// A step with the hooks around its batch.
template <class Run, class Request, class Step, class BatchStart, class BatchEnd>
consteval Mistake check_evaluation_step() {
    using I = std::int64_t;
    if constexpr (Request::template offered<typename Run::source_type>) {
        constexpr Mistake transfer = check_transfer_hooks<Run, Request>();
        if constexpr (transfer.made()) {
            return transfer;
        } else {
            using Batch = const batch_of<Run, Request>;
            constexpr Mistake step =
                check_signatures<Run, Signature<Step, Batch, I, I>, Signature<BatchStart, Batch, I, I>>();
            if constexpr (step.made() || !has_step_for<Step, Run, Request, I, I>) {
                return step;
            } else {
                using Output = typename ShownOutput<returned_of<Step, Run, Batch, I, I>>::type;
                return check_signatures<Run, Signature<BatchEnd, const Output, Batch, I, I>>();
            }
        }
    } else {
        return {};
    }
}
template <class Run, class Kind>
consteval Mistake check_evaluation_hooks() {
    return check_evaluation_step<Run, typename Kind::request, typename Kind::step, typename Kind::batch_start,
                                 typename Kind::batch_end>() |
           check_signatures<Run, Signature<typename Kind::start>, Signature<typename Kind::end>,
                            Signature<typename Kind::epoch_start>, Signature<typename Kind::epoch_end>,
                            Signature<typename Kind::model_eval>, Signature<typename Kind::model_train>>();
}

template <class Module>
inline constexpr bool has_optimizers = hooks::configure_optimizers::names<Module>;
template <class Module>
inline constexpr bool optimizers_callable = requires(Module& module) {
    module.configure_optimizers();
};

template <class T>
struct IsOptimizer : std::bool_constant<OptimizerPolicy<OptimizerFor<T>>> {};
template <class O, class S, class Monitor>
struct IsOptimizer<OptimizerConfig<O, S, Monitor>> : IsOptimizer<O> {};
template <class... T>
struct IsOptimizer<std::tuple<T...>> : std::conjunction<IsOptimizer<T>...> {};
template <class A, class B>
struct IsOptimizer<std::pair<A, B>> : std::conjunction<IsOptimizer<A>, IsOptimizer<B>> {};
template <class T, std::size_t N>
struct IsOptimizer<std::array<T, N>> : IsOptimizer<T> {};
template <class T>
struct IsOptimizer<std::vector<T>> : IsOptimizer<T> {};
/// Whether `configure_optimizers` returns what it should, where it can be called at all.
template <class Module>
inline constexpr bool returns_optimizers = true;
template <class Module>
requires optimizers_callable<Module>
inline constexpr bool returns_optimizers<Module> =
    IsOptimizer<std::remove_cvref_t<decltype(std::declval<Module&>().configure_optimizers())>>::value;

/// Stands for the closure that `optimizer_step` is given.
struct AnyClosure {
    void operator()() const;
};
template <class Run, class Optimizer>
consteval Mistake check_hooks_of_optimizer() {
    using I = std::int64_t;
    Mistake mistake = check_signatures<Run, Signature<hooks::on_before_optimizer_step, Optimizer>>();
    if constexpr (automatic_optimization<typename Run::module_type>) {
        mistake =
            mistake |
            check_signatures<
                Run, Signature<hooks::on_before_zero_grad, Optimizer>,
                Signature<hooks::optimizer_zero_grad, I, I, Optimizer>,
                Signature<hooks::configure_gradient_clipping, Optimizer, std::optional<double>,
                          ClipAlgorithm>,
                Signature<hooks::optimizer_step, I, I, ClosureOptimizer<Run, Optimizer>, const AnyClosure>>();
    }
    return mistake;
}
template <class Run>
consteval Mistake check_optimizers() {
    using Configured = typename Run::configured_type;
    if constexpr (!Configured::is_static) {
        return check_hooks_of_optimizer<
            Run, std::remove_reference_t<decltype(std::declval<Configured&>().optimizer(std::size_t{}))>>();
    } else {
        return []<std::size_t... N>(std::index_sequence<N...>) {
            return (Mistake{} | ... |
                    check_hooks_of_optimizer<
                        Run, std::remove_reference_t<
                                 decltype(std::declval<Configured&>().template optimizer<N>())>>());
        }
        (std::make_index_sequence<Configured::static_count>{});
    }
}
/// training_step and what stands around it.
template <class Run>
consteval Mistake check_training_step() {
    using I = std::int64_t;
    constexpr Mistake transfer = check_transfer_hooks<Run, TrainRequest>();
    if constexpr (transfer.made()) {
        return transfer;
    } else {
        using Batch = const batch_of<Run, TrainRequest>;
        constexpr Mistake step = check_signatures<Run, Signature<hooks::training_step, Batch, I>,
                                                  Signature<hooks::on_train_batch_start, Batch, I>>();
        if constexpr (step.culprit == Culprit::module && step.hook == Hook::training_step) {
            return takes_no_optimizer_idx<Run, Batch>() ? step : Mistake{Culprit::said};
        } else if constexpr (step.made()) {
            return step;
        } else if constexpr (!callbacks_return_nothing<Run, Batch>(
                                 std::type_identity<typename Run::components_type>{})) {
            return {Culprit::said};
        } else {
            using Returned = std::remove_cvref_t<returned_of<hooks::training_step, Run, Batch, I>>;
            return check_signatures<Run, Signature<hooks::on_train_batch_end,
                                                   const typename OutputOf<Returned>::type, Batch, I>>();
        }
    }
}

template <class Run>
consteval Mistake check_fit_types() {
    using M = typename Run::module_type;
    using Source = typename Run::source_type;
    using Configured = typename Run::configured_type;
    using I = std::int64_t;
    constexpr bool one_loader = LoaderPolicy<requested_t<Source, TrainRequest>>;
    constexpr bool has_step = has_step_for<hooks::training_step, Run, TrainRequest, std::int64_t>;
    static_assert(has_step,
                  "lit: fit needs a training_step. Write at::Tensor training_step(const Batch& batch) in the "
                  "module; it "
                  "returns the loss.");
    static_assert(has_optimizers<M>,
                  "lit: fit needs configure_optimizers. Write auto configure_optimizers() { return "
                  "lit::AdamW{parameters(), {.lr = 1e-3}}; } in the module.");
    static_assert(
        TrainRequest::offered<Source>,
        "lit: fit needs training batches. Pass a loader as the second argument, or a data module with "
        "train_dataloader().");
    static_assert(one_loader,
                  "lit: fit takes one training loader, found several (a range or a tuple of loaders). "
                  "Concatenate their "
                  "datasets, or write a loader that yields a struct with a batch of each.");
    static_assert(
        !automatic_optimization<M> || !optimizers_callable<M> || !Configured::is_static ||
            Configured::static_count == 1,
        "lit: automatic optimization has exactly one optimizer. For several, write static constexpr bool "
        "automatic_optimization = false; in the module and step them in training_step.");
    static_assert(monitors_are_declared<M>(std::type_identity<typename Run::components_type>{}),
                  "lit: this callback's monitor is not in the module's Logs. Log it under that name and add "
                  "it to `using "
                  "Logs = lit::Logs<...>`, or correct the monitor.");
    static_assert(ask_components<M, Configured, Source>(std::type_identity<typename Run::components_type>{}));
    if constexpr (!has_step || !has_optimizers<M> || !TrainRequest::offered<Source> || !one_loader) {
        return {Culprit::said};
    } else if constexpr (!optimizers_callable<M>) {
        return {Culprit::module, Hook::configure_optimizers};
    } else {
        constexpr Mistake step = check_training_step<Run>();
        if constexpr (!step.made()) {
            using Batch = const batch_of<Run, TrainRequest>;
            if constexpr (automatic_optimization<M>) {
                using Returned = std::remove_cvref_t<returned_of<hooks::training_step, Run, Batch, I>>;
                static_assert(check_returned_loss<Returned>());
                static_assert(!BringsGradients<Returned> ||
                                  std::same_as<std::remove_cvref_t<decltype(std::declval<Run&>().collective())>, SingleProcess> ||
                                  AveragesGradients<std::remove_cvref_t<decltype(std::declval<Run&>().strategy())>>,
                              "lit: this step computes its gradients without autograd, and this strategy of several processes does "
                              "not average such. Give it before_own_step and average_gradients, as lit::DDP has them, or train "
                              "with forward() and a loss of LibTorch's.");
                static_assert(
                    ReturnsLoss<Returned>,
                    "lit: training_step has to return the loss in automatic optimization: an at::Tensor, an "
                    "std::optional of one, or a struct with a member loss. To optimize by hand, write static "
                    "constexpr bool automatic_optimization = false; in the module.");
            }
            if constexpr (hooks::on_train_batch_start::names<M>) {
                using Answer = returned_of<hooks::on_train_batch_start, Run, Batch, I>;
                static_assert(std::is_void_v<Answer> || std::same_as<Answer, Next>,
                              "lit: on_train_batch_start of a module returns nothing or a lit::Next "
                              "(lit::Next::skip_epoch ends the epoch).");
            }
        }
        return step | check_optimizers<Run>() | check_scheduler_hooks<Run>() |
               check_signatures<
                   Run, Signature<hooks::on_fit_start>, Signature<hooks::on_fit_end>,
                   Signature<hooks::on_sanity_check_start>, Signature<hooks::on_sanity_check_end>,
                   Signature<hooks::on_train_start>, Signature<hooks::on_train_end>,
                   Signature<hooks::on_train_epoch_start>, Signature<hooks::on_train_epoch_end>,
                   Signature<hooks::on_before_backward, const at::Tensor>,
                   Signature<hooks::backward, const at::Tensor>, Signature<hooks::on_after_backward>,
                   Signature<hooks::on_validation_model_zero_grad>>() |
               check_evaluation_hooks<Run, Validation>() | check_common_hooks<Run>();
    }
}

template <class Run>
consteval Mistake check_fit() {
    if constexpr (!hooks_are_named_rightly<Run>() ||
                  !components_suit_optimization<Run>(
                      std::type_identity<typename Run::components_type>{})) {
        return {Culprit::said};
    } else {
        return check_fit_types<Run>();
    }
}

template <class Run, class Kind>
consteval Mistake check_evaluation_types() {
    using I = std::int64_t;
    constexpr bool has_step = has_step_for<typename Kind::step, Run, typename Kind::request, I, I>;
    if constexpr (std::same_as<Kind, Validation>) {
        static_assert(
            has_step,
            "lit: validate needs a validation_step. Write void validation_step(const Batch& batch) in the "
            "module.");
    } else {
        static_assert(has_step,
                      "lit: test needs a test_step. Write void test_step(const Batch& batch) in the module.");
    }
    static_assert(
        Kind::request::template offered<typename Run::source_type>,
        "lit: validate and test need batches. Pass a loader as the second argument, or a data module with "
        "val_dataloader() or test_dataloader().");
    if constexpr (has_step && Kind::request::template offered<typename Run::source_type>) {
        return check_evaluation_hooks<Run, Kind>() | check_common_hooks<Run>();
    } else {
        return {Culprit::said};
    }
}

template <class Run, class Kind>
consteval Mistake check_evaluation() {
    if constexpr (hooks_are_named_rightly<Run>()) {
        return check_evaluation_types<Run, Kind>();
    } else {
        return {Culprit::said};
    }
}

template <class Run>
consteval Mistake check_predict_types() {
    using I = std::int64_t;
    constexpr bool has_step = has_step_for<hooks::predict_step, Run, PredictRequest, I, I>;
    static_assert(
        has_step,
        "lit: predict needs a predict_step. Write auto predict_step(const Batch& batch) in the module; it "
        "returns the prediction.");
    static_assert(PredictRequest::offered<typename Run::source_type>,
                  "lit: predict needs batches. Pass a loader as the second argument, or a data module with "
                  "predict_dataloader().");
    if constexpr (!has_step || !PredictRequest::offered<typename Run::source_type>) {
        return {Culprit::said};
    } else {
        constexpr Mistake step =
            check_evaluation_step<Run, PredictRequest, hooks::predict_step, hooks::on_predict_batch_start,
                                  hooks::on_predict_batch_end>();
        if constexpr (!step.made()) {
            using Batch = const batch_of<Run, PredictRequest>;
            using Prediction = returned_of<hooks::predict_step, Run, Batch, I, I>;
            static_assert(!std::is_void_v<Prediction>,
                          "lit: predict_step has to return the prediction of its batch.");
            if constexpr (!std::is_void_v<Prediction>) {
                static_assert(ask_writers<Run, std::remove_cvref_t<Prediction>, Batch>(
                    std::type_identity<typename Run::components_type>{}));
            }
        }
        return step |
               check_signatures<Run, Signature<hooks::on_predict_start>, Signature<hooks::on_predict_end>,
                                Signature<hooks::on_predict_epoch_start>,
                                Signature<hooks::on_predict_epoch_end>,
                                Signature<hooks::on_predict_model_eval>>() |
               check_common_hooks<Run>();
    }
}

template <class Run>
consteval Mistake check_predict() {
    if constexpr (hooks_are_named_rightly<Run>()) {
        return check_predict_types<Run>();
    } else {
        return {Culprit::said};
    }
}

}  // namespace lit::detail
