// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/fit_loop.hpp>
#include <lit/loops/limit.hpp>
#include <lit/loops/prediction_loop.hpp>
#include <lit/tuner/attribute.hpp>
#include <lit/tuner/batch_size_options.hpp>
#include <lit/tuner/detail/batch_size_search.hpp>
#include <lit/tuner/detail/out_of_memory.hpp>
#include <lit/tuner/detail/search_run.hpp>

#include <ATen/DeviceAccelerator.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lit {

/// Before a fit, or at the start of a validation, test or prediction: finds the largest batch size that fits into
/// memory, and sets it.
///
/// `lit::BatchSizeFinder<>{}` sets `batch_size`, `BatchSizeFinder<"size">` a field of that name,
/// `BatchSizeFinder<&Data::size>` a member: in the module, its hparams, the data module, its hparams, wherever it is.
/// `train_dataloader()` and its kin have to build their loader from it. For other moments derive, hide the hooks and
/// call `scale_batch_size<Stage::fit>(trainer, module)`.
///
/// Each trial is a short run of its own: accumulation and clipping stay, loggers and other components are left out.
/// Weights, optimizers, schedulers, callbacks, counters and the random state are afterwards what they were.
///
/// Errors  ConfigError: settings, no such field, more than one rank, several loaders of an evaluation. lit::Error when a
///         batch of one sample does not fit. Loaders handed to the trainer directly do not compile. Any other exception of
///         a trial comes out, with everything restored but the size.
/// Cost    a copy of module and optimizer on the CPU while it lasts.
/// Source  Lightning `BatchSizeFinder`: the same sizes in the same order. Unlike there the first trial has `init_val`
///         samples (there: the size set before), a size that covers the dataset and fails is halved (there: kept), trials
///         after steps were made run (there: are skipped), and a prediction's trial has `steps_per_trial` batches
///         (there: all).
template <Attribute Name = Attribute{}>
class BatchSizeFinder {
 public:
    static constexpr bool finds_batch_size = true;

    explicit BatchSizeFinder(BatchSizeFinderOptions options = {})
        : options_(std::move(options)), optimal_batch_size_(options_.init_val) {
        options_.check();
    }

    template <class Source>
    static consteval void check_source() {
        static_assert(
            !std::derived_from<Source, detail::Given>,
            "lit: BatchSizeFinder needs loaders that can be built anew, found one that was handed to the "
            "trainer. Give a data module, or write train_dataloader() in the module.");
    }

    void setup(auto& trainer, auto& module, Stage /*stage*/) {
        using Source = typename std::remove_cvref_t<decltype(trainer)>::source_type;
        check_source<Source>();
        if (trainer.world_size() > 1) {
            throw ConfigError(
                "BatchSizeFinder: found " + std::to_string(trainer.world_size()) +
                " ranks, expected one. Find the batch size with SingleDevice, then train with it.");
        }
        if constexpr (!std::derived_from<Source, detail::Given>) {
            static_cast<void>(attribute(trainer, module));
        }
    }
    void on_fit_start(auto& trainer, auto& module) { scale_batch_size<Stage::fit>(trainer, module); }
    void on_validation_start(auto& trainer, auto& module) {
        if (trainer.stage() == Stage::validate) {
            scale_batch_size<Stage::validate>(trainer, module);
        }
    }
    void on_test_start(auto& trainer, auto& module) { scale_batch_size<Stage::test>(trainer, module); }
    void on_predict_start(auto& trainer, auto& module) { scale_batch_size<Stage::predict>(trainer, module); }

    /// `S` is the stage whose hook calls it.
    template <Stage S>
    void scale_batch_size(auto& trainer, auto& module) {
        using Source = typename std::remove_cvref_t<decltype(trainer)>::source_type;
        if constexpr (!std::derived_from<Source, detail::Given>) {
            search<S>(trainer, module);
        }
    }

    /// The size that was found; `init_val` before a search, empty after `fast_dev_run`.
    [[nodiscard]] std::optional<std::int64_t> optimal_batch_size() const { return optimal_batch_size_; }

 private:
    template <class Run, class Module>
    [[nodiscard]] std::string attribute(Run& run, Module& module) const {
        return detail::find_attribute<Name>(module, run.source(), options_.batch_arg_name, {"batch_size"},
                                            "BatchSizeFinder");
    }

    template <Stage S, class Run, class Module>
    void search(Run& run, Module& module) {
        optimal_batch_size_.reset();
        if (run.fast_dev_run()) {
            run.warn("BatchSizeFinder: left out, since fast_dev_run is set.");
            return;
        }
        const std::string name = attribute(run, module);
        std::int64_t present = 0;
        detail::for_each_holder<Name>(module, run.source(), name, [&](const auto& field) {
            if constexpr (requires { field.value_or(0); }) {
                present = static_cast<std::int64_t>(field.value_or(0));
            } else {
                present = static_cast<std::int64_t>(field);
            }
        });
        const auto assign = [&](std::int64_t size) {
            detail::for_each_holder<Name>(module, run.source(), name,
                                          [size](auto& field) { detail::set_attribute(field, size); });
        };
        const auto try_size = [&](std::int64_t /*size*/) { return fits<S>(run); };
        const auto say = [&](const std::string& text) { run.print("lit: " + text); };
        const std::optional<std::int64_t> samples = length_of<request_t<S>>(run.source());
        detail::with_everything_restored(run, [&] {
            optimal_batch_size_ =
                detail::BatchSizeSearch(options_, present, samples, try_size, assign, say).run();
        });
        run.reload_dataloaders();
        say("batch size set to " + std::to_string(*optimal_batch_size_));
    }

    template <Stage S, class Run>
    [[nodiscard]] bool fits(Run& run) {
        try {
            trial<S>(run);
            return true;
        } catch (const std::exception& error) {
            if (!detail::is_out_of_memory(error)) {
                throw;
            }
        }
        // Outside of the handler, so that what the exception held is free.
        run.module().zero_grad(true);
        if (!run.device().is_cpu()) {
            at::accelerator::emptyCache();
        }
        return false;
    }

    template <Stage S, class Run>
    void trial(Run& run) {
        detail::SearchRun<Run, detail::OwnSchedulers> search(run, limits(run));
        using Inner = typename decltype(search)::type;
        if constexpr (S == Stage::fit) {
            search.borrow_optimizers({});
            detail::FitLoop<Inner>(*search).run(false);
        } else if constexpr (S == Stage::validate) {
            evaluate<detail::Validation>(*search, search->options().limit_val_batches,
                                         search->state().validate_results, RunningStage::validating);
        } else if constexpr (S == Stage::test) {
            evaluate<detail::Testing>(*search, search->options().limit_test_batches,
                                      search->state().test_results, RunningStage::testing);
        } else {
            typename detail::PredictionsOf<Inner>::type predictions;
            detail::PredictionLoop<Inner>(*search).run(predictions);
        }
    }
    template <class Kind, class Inner>
    static void evaluate(Inner& run, const Limit& limit, ResultCollection& results, RunningStage running) {
        std::vector<std::int64_t> rows;
        detail::EvaluationLoop<Inner, Kind> loop(run, limit, results, rows, running);
        loop.setup_data();
        run.set_num_eval_batches(loop.batches());
        static_cast<void>(loop.run());
    }

    template <class Run>
    [[nodiscard]] TrainerOptions limits(Run& run) const {
        TrainerOptions options = run.options();
        const Limit steps(options_.steps_per_trial);
        if (!options.max_epochs) {
            options.max_epochs = options.max_steps == -1 && !options.max_time ? 1000 : -1;
        }
        if (*options.max_epochs != -1) {  // a trial runs also where the fit itself is over
            options.max_epochs = std::max(*options.max_epochs, run.progress().epoch.current.processed + 1);
        }
        options.max_time.reset();
        options.num_sanity_val_steps = 0;
        options.max_steps = run.global_step() + options_.steps_per_trial;
        options.limit_train_batches = Limit(1.0);
        options.limit_val_batches = options.limit_test_batches = options.limit_predict_batches = steps;
        return options;
    }

    template <Stage S>
    using request_t =
        std::conditional_t<S == Stage::fit, detail::TrainRequest,
                           std::conditional_t<S == Stage::validate, detail::ValRequest,
                                              std::conditional_t<S == Stage::test, detail::TestRequest,
                                                                 detail::PredictRequest>>>;

    /// Samples of the loader that the trials use; empty where it does not know.
    template <class Request, class Source>
    [[nodiscard]] static std::optional<std::int64_t> length_of(Source& source) {
        std::optional<std::int64_t> length;
        if constexpr (Request::template offered<Source>) {
            std::int64_t loaders = 0;
            auto&& all = Request::ask(source);
            for_each_loader(all, [&](auto& loader, std::int64_t) {
                ++loaders;
                if constexpr (requires { loader.dataset().size(); }) {
                    length = std::max(length.value_or(0), static_cast<std::int64_t>(loader.dataset().size()));
                } else if constexpr (requires { loader.samples(); }) {
                    length = std::max(length.value_or(0), static_cast<std::int64_t>(loader.samples()));
                }
            });
            if (loaders > 1 && !std::same_as<Request, detail::TrainRequest>) {
                throw ConfigError(
                    "BatchSizeFinder: found " + std::to_string(loaders) +
                    " loaders to evaluate, expected one. Give the data module one loader while the size is "
                    "looked for.");
            }
        }
        return length;
    }

    BatchSizeFinderOptions options_;
    std::optional<std::int64_t> optimal_batch_size_;
};

}  // namespace lit
