// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/interrupt.hpp>
#include <lit/core/log_site.hpp>        // as the next
#include <lit/core/misnamed_hooks.hpp>  // before loops/, which shortens the way to its messages
#include <lit/core/run_state.hpp>
#include <lit/core/stage.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/door.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/first_use.hpp>
#include <lit/loops/fit_loop.hpp>
#include <lit/loops/frame.hpp>
#include <lit/loops/prediction_loop.hpp>
#include <lit/loops/run.hpp>
#include <lit/loops/run_options.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/module/module.hpp>
#include <lit/precision/precision.hpp>
#include <lit/strategies/strategy.hpp>
#include <lit/trainer/arguments.hpp>
#include <lit/trainer/results_table.hpp>
#include <lit/trainer/slots.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// How a fit ended, and how far it came.
struct FitResult {
    Status status = Status::finished;
    std::int64_t epochs = 0;         ///< epochs that are over
    std::int64_t global_step = 0;    ///< optimizer steps
    std::string reason{};            ///< why it ended early; empty when it ran to its limits

    [[nodiscard]] bool finished() const { return status == Status::finished; }
};

namespace detail {
struct TrainerAccess;  // the tuner's way to a trainer's parts
}

/// Runs a module on data: `fit`, `validate`, `test`, `predict`.
///
/// Three slots and no other: where it computes (SingleDevice, DDP), in which arithmetic (Fp32, Bf16Mixed), and the
/// components: callbacks, loggers, accumulation, clipping. It holds what is listed and nothing else;
/// `default_trainer` adds Lightning's defaults.
///
/// Errors  what does not fit together does not compile; ConfigError for options that cannot be carried out, and for two
///         components whose state has one key.
/// Source  Lightning `Trainer`. Unlike there, `fit` returns after Ctrl+C and SIGTERM, with a status.
template <class Strategy, class Precision, class... Components>
class Trainer {
    static_assert(detail::check_slots<Strategy, Precision, Components...>());

 public:
    explicit Trainer(Strategy strategy, Precision precision, TrainerOptions options, Components... components)
        : parts_{std::move(strategy), std::move(precision), ComponentTuple<Components...>(std::move(components)...),
                 options, {}} {
        parts_.options.check();
        detail::check_state_keys(parts_.components);
    }

    /// Trains, and validates where validation batches are there: loaders, a data module, or the module's own loaders.
    ///
    /// Errors  whatever a hook throws comes out after `on_exception` was called everywhere. An Interrupt (Ctrl+C,
    ///         SIGTERM) does not come out: it is in the result.
    template <class Module>
    FitResult fit(Module& module, const RunOptions& run_options = {}) {
        return fit_from(parts_, module, module, run_options);
    }
    template <class Module, class Data>
    FitResult fit(Module& module, Data&& data, const RunOptions& run_options = {}) {
        static_assert(detail::check_data_argument<Module, std::remove_cvref_t<Data>>());
        if constexpr (LoaderSource<std::remove_reference_t<Data>>) {
            detail::GivenTraining<std::remove_reference_t<Data>, Module> source{{}, data, module};
            return fit_from(parts_, module, source, run_options);
        } else {
            return fit_from(parts_, module, data, run_options);
        }
    }
    template <class Module, class Train, class Val>
        requires(!std::convertible_to<Val, const RunOptions&>)
    FitResult fit(Module& module, Train&& train, Val&& val, const RunOptions& run_options = {}) {
        static_assert(detail::check_loader_arguments<std::remove_cvref_t<Train>, std::remove_reference_t<Val>>());
        detail::GivenLoaders<std::remove_reference_t<Train>, std::remove_reference_t<Val>> source{{}, train, val};
        return fit_from(parts_, module, source, run_options);
    }

    // Takes the module by a name only, so that what it learns is not lost with it.
    template <class Module, class... Given>
        requires(!std::is_lvalue_reference_v<Module>)
    FitResult fit(Module&& /*module*/, Given&&... /*given*/) {
        static_assert(detail::check_module_has_a_name<Module>());
        return {};
    }

    /// One dict of metrics per loader.
    template <class Module, class Data>
    std::vector<Metrics> validate(Module& module, Data&& data, const RunOptions& run_options = {}) {
        static_assert(detail::check_data_argument<Module, std::remove_cvref_t<Data>>());
        return with_eval_source<detail::Validation>(module, data, run_options, Stage::validate);
    }
    template <class Module, class Data>
    std::vector<Metrics> test(Module& module, Data&& data, const RunOptions& run_options = {}) {
        static_assert(detail::check_data_argument<Module, std::remove_cvref_t<Data>>());
        return with_eval_source<detail::Testing>(module, data, run_options, Stage::test);
    }
    /// What `predict_step` returned: one list per loader, one entry per batch.
    template <class Module, class Data>
    auto predict(Module& module, Data&& data, const RunOptions& run_options = {}) {
        static_assert(detail::check_data_argument<Module, std::remove_cvref_t<Data>>());
        if constexpr (LoaderSource<std::remove_reference_t<Data>>) {
            detail::GivenLoader<std::remove_reference_t<Data>> source{{}, data};
            return predict_from(parts_, module, source, run_options);
        } else {
            return predict_from(parts_, module, data, run_options);
        }
    }

    // --- what stands after a run ---

    [[nodiscard]] std::int64_t current_epoch() const { return parts_.state.current_epoch(); }
    [[nodiscard]] std::int64_t global_step() const { return parts_.state.global_step(); }
    [[nodiscard]] bool should_stop() const { return parts_.state.should_stop; }
    /// Asks the run to end in order after the batch in work; may be called from another thread's point of view only
    /// through a signal.
    void request_stop(std::string_view reason = "requested") { parts_.state.request_stop(reason); }
    [[nodiscard]] const MetricTable& callback_metrics() { return parts_.state.publish(parts_.state.callback_metrics); }
    [[nodiscard]] const MetricTable& logged_metrics() { return parts_.state.publish(parts_.state.logged_metrics); }
    [[nodiscard]] const MetricTable& progress_bar_metrics() {
        return parts_.state.publish(parts_.state.progress_bar_metrics);
    }
    [[nodiscard]] const TrainerOptions& options() const { return parts_.options; }
    /// For a further `fit` that goes on: `trainer.options().max_epochs = 20`.
    [[nodiscard]] TrainerOptions& options() { return parts_.options; }
    [[nodiscard]] Strategy& strategy() { return parts_.strategy; }
    /// The component of that type; the first one if there are several.
    template <class Component>
    [[nodiscard]] Component& get() {
        Component* found = nullptr;
        for_each_component(parts_.components, [&](auto& component) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(component)>, Component>) {
                found = found == nullptr ? &component : found;
            }
        });
        static_assert((std::same_as<detail::component_t<Components>, Component> || ...),
                      "lit: this trainer has no component of that type.");
        if (found == nullptr) {
            throw ConfigError("Trainer: the component that was asked for is absent (an empty std::optional).");
        }
        return *found;
    }

 private:
    friend struct detail::TrainerAccess;
    using Parts = detail::TrainerParts<Strategy, Precision, ComponentTuple<Components...>>;

    // Static, and of any parts, so that the tuner can run a trainer's parts with a component of its own before them.

    template <class TheseParts, class Module, class Source>
    static FitResult fit_from(TheseParts& parts, Module& module, Source& source, const RunOptions& run_options) {
        using ThisRun = Run<TheseParts, Module, Source>;
        static_assert(detail::check_module_argument<Module>());
        static_assert(ModulePolicy<Module>,
                      "lit: fit takes a module derived from lit::Module. Write struct Net : lit::Module<Net> { ... };");
        static_assert(detail::check_returned_optimizers<Module>());
        static_assert(detail::returns_optimizers<Module>,
                      "lit: configure_optimizers() returned something that is no optimizer. Expected an optimizer, a "
                      "lit::OptimizerConfig{.optimizer = ..., .lr_scheduler = ...}, a std::variant of optimizers, or a "
                      "tuple, array or vector of these.");
        FitResult result;
        if constexpr (ModulePolicy<Module> && detail::returns_optimizers<Module>) {
            constexpr detail::Mistake mistake = detail::check_fit<ThisRun>();
            detail::report<mistake>();
            if constexpr (!mistake.made()) {
                using Batch = const detail::batch_of<ThisRun, detail::TrainRequest>;
                static_cast<void>(&detail::use_training_step<ThisRun, Module, Batch>);
                (static_cast<void>(&detail::UsedHooks<ThisRun, detail::component_t<Components>, Stage::fit>::use), ...);
                ThisRun run(parts, module, source, begin(parts, Stage::fit));
                parts.state.automatic_optimization = automatic_optimization<Module>;
                try {
                    detail::FitLoop<ThisRun> loop(run);
                    detail::Frame<ThisRun, true>(run).run(run_options, [&](bool resumed) { loop.run(resumed); });
                    result.reason = parts.state.should_stop ? parts.state.stop_reason : std::string();
                } catch (const Interrupt& interrupt) {
                    result.status = interrupt.status();
                    result.reason = interrupt.what();
                    run.print("lit: fit stopped: " + result.reason);
                }
                result.epochs = parts.state.current_epoch();
                result.global_step = parts.state.global_step();
            }
        }
        return result;
    }

    template <class Kind, class Module, class Data>
    std::vector<Metrics> with_eval_source(Module& module, Data& data, const RunOptions& run_options, Stage stage) {
        if constexpr (LoaderSource<Data>) {
            detail::GivenLoader<Data> source{{}, data};
            return evaluate_from<Kind>(parts_, module, source, run_options, stage);
        } else {
            return evaluate_from<Kind>(parts_, module, data, run_options, stage);
        }
    }

    template <class Kind, class TheseParts, class Module, class Source>
    static std::vector<Metrics> evaluate_from(TheseParts& parts, Module& module, Source& source,
                                              const RunOptions& run_options, Stage stage) {
        using ThisRun = Run<TheseParts, Module, Source>;
        static_assert(detail::check_module_argument<Module>());
        static_assert(ModulePolicy<Module>, "lit: validate and test take a module derived from lit::Module.");
        std::vector<Metrics> results;
        if constexpr (ModulePolicy<Module>) {
            constexpr detail::Mistake mistake = detail::check_evaluation<ThisRun, Kind>();
            detail::report<mistake>();
            if constexpr (!mistake.made()) {
                (static_cast<void>(&detail::UsedHooks<ThisRun, detail::component_t<Components>, Kind::stage>::use), ...);
                ThisRun run(parts, module, source, begin(parts, stage));
                const bool testing = stage == Stage::test;
                RunState& state = parts.state;
                std::vector<std::int64_t> rows;
                detail::Frame<ThisRun, false>(run).run(run_options, [&](bool) {
                    module.zero_grad(true);
                    detail::EvaluationLoop<ThisRun, Kind> loop(
                        run, testing ? run.options().limit_test_batches : run.options().limit_val_batches,
                        testing ? state.test_results : state.validate_results, rows,
                        testing ? RunningStage::testing : RunningStage::validating);
                    without_gradients(parts, [&] {
                        loop.setup_data();
                        run.set_num_eval_batches(loop.batches());
                        results = loop.run();
                    });
                });
                if (run_options.verbose && run.is_global_zero()) {
                    std::fputs(detail::results_table(results, to_string(stage)).c_str(), stdout);
                    std::fflush(stdout);
                }
            }
        }
        return results;
    }

    template <class TheseParts, class Module, class Source>
    static auto predict_from(TheseParts& parts, Module& module, Source& source, const RunOptions& run_options) {
        using ThisRun = Run<TheseParts, Module, Source>;
        static_assert(detail::check_module_argument<Module>());
        static_assert(ModulePolicy<Module>, "lit: predict takes a module derived from lit::Module.");
        if constexpr (ModulePolicy<Module>) {
            constexpr detail::Mistake mistake = detail::check_predict<ThisRun>();
            detail::report<mistake>();
            if constexpr (!mistake.made()) {
                (static_cast<void>(&detail::UsedHooks<ThisRun, detail::component_t<Components>, Stage::predict>::use), ...);
                ThisRun run(parts, module, source, begin(parts, Stage::predict));
                detail::PredictionLoop<ThisRun> loop(run);
                typename detail::PredictionsOf<ThisRun>::type predictions;
                detail::Frame<ThisRun, false>(run).run(run_options, [&](bool) {
                    module.zero_grad(true);
                    without_gradients(parts, [&] { loop.run(predictions); });
                });
                return predictions;
            } else {
                return std::vector<at::Tensor>();  // so that the message is the first, also where the predictions are kept
            }
        }
    }

    template <class TheseParts, class Body>
    static void without_gradients(TheseParts& parts, Body&& body) {
        // Collectives write into tensors of their own, which inference mode would not let them use again.
        if (parts.options.inference_mode && parts.strategy.collective().world_size() == 1) {
            const c10::InferenceMode guard;
            body();
        } else {
            const at::NoGradGuard guard;
            body();
        }
    }

    template <class TheseParts>
    static TrainerOptions begin(TheseParts& parts, Stage stage) {
        parts.options.check();
        parts.state.stage = stage;
        // Only a fit takes back an earlier wish to stop, as in Lightning: an evaluation after it leaves it readable.
        if (stage == Stage::fit) {
            parts.state.should_stop = false;
            parts.state.stop_reason.clear();
        }
        return parts.options.resolved();
    }

    Parts parts_;
};

template <class Strategy, class Precision, class... Components>
Trainer(Strategy, Precision, TrainerOptions, Components...) -> Trainer<Strategy, Precision, Components...>;
// Any other order ends in a message.
template <class... Given>
Trainer(Given...) -> Trainer<detail::AnotherOrder<Given...>, detail::AnotherOrder<>>;

}  // namespace lit
