// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/fit_loop.hpp>
#include <lit/loops/limit.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/tuner/attribute.hpp>
#include <lit/tuner/detail/lr_sweep.hpp>
#include <lit/tuner/detail/search_run.hpp>
#include <lit/tuner/lr_find_result.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit {

struct LearningRateFinderOptions {
    double min_lr = 1e-8;
    double max_lr = 1.0;
    std::int64_t num_training_steps = 100;  ///< optimizer steps between the two
    LRFindMode mode = LRFindMode::exponential;
    std::optional<double> early_stop_threshold = 4.0;  ///< stop at so many times the best loss; none: never
    bool update_attr = true;                           ///< set the learning rate that was found
    std::string attr_name{};  ///< of the field to set; empty: `lr`, else `learning_rate`

    /// Errors  ConfigError that names the setting.
    void check() const {
        const auto refuse = [](const std::string& what) { throw ConfigError("LearningRateFinder: " + what); };
        if (!(min_lr > 0.0) || !std::isfinite(min_lr)) {
            refuse("min_lr = " + std::to_string(min_lr) + ", expected more than 0.");
        }
        if (!(max_lr > min_lr) || !std::isfinite(max_lr)) {
            refuse("max_lr = " + std::to_string(max_lr) +
                   ", expected more than min_lr = " + std::to_string(min_lr) + ".");
        }
        if (num_training_steps < 1) {
            refuse("num_training_steps = " + std::to_string(num_training_steps) + ", expected 1 or more.");
        }
        if (early_stop_threshold && !(*early_stop_threshold > 0.0)) {
            refuse("early_stop_threshold = " + std::to_string(*early_stop_threshold) +
                   ", expected more than 0, or std::nullopt to search to the end.");
        }
    }
};

/// Before a fit: tries learning rates from small to large, a step each, and sets the one at the steepest descent.
///
/// `lit::LearningRateFinder<>{}` sets `lr` or `learning_rate`, `LearningRateFinder<"rate">` a field of that name,
/// `LearningRateFinder<&Net::rate>` a member: in the module, its hparams, the data module, its hparams, wherever it
/// is, and in the optimizer. For other moments derive, hide `on_fit_start` and call `lr_find(trainer, module)`.
///
/// The search is a run of its own inside the fit: accumulation and clipping stay, loggers and other components are
/// left out, `max_epochs` still ends it, and validation runs where it falls due. Weights, optimizers, schedulers,
/// callbacks, counters and the random state are afterwards what they were.
///
/// Counts  with accumulation only batches that close a window.
/// Errors  ConfigError: settings; no field to set although `update_attr`; an optimizer count other than one. Manual
///         optimization does not compile.
/// Cost    a copy of module and optimizer on the CPU while it lasts.
/// Source  Lightning `LearningRateFinder`: the same rates, losses and suggestion. As there, the smoothed loss of a search
///         that starts after steps were made counts from these, so that a threshold stops it at once: give
///         `std::nullopt`.
template <Attribute Name = Attribute{}>
class LearningRateFinder {
 public:
    static constexpr bool finds_learning_rate = true;

    explicit LearningRateFinder(LearningRateFinderOptions options = {}) : options_(std::move(options)) {
        options_.check();
    }

    void on_fit_start(auto& trainer, auto& module) { lr_find(trainer, module); }

    void lr_find(auto& trainer, auto& module) {
        if constexpr (automatic_optimization<typename std::remove_cvref_t<decltype(trainer)>::module_type>) {
            search(trainer, module);
        }
    }

    template <class Module, class Configured>
    static consteval void check_fit() {
        static_assert(
            automatic_optimization<Module>,
            "lit: LearningRateFinder raises the rate after each step that the trainer makes; this module "
            "optimizes by hand. Remove the finder, or use automatic optimization.");
    }

    /// What the last search found; empty before the first, and after `fast_dev_run`.
    [[nodiscard]] const std::optional<LRFindResult>& optimal_lr() const { return optimal_lr_; }

 private:
    template <class Run, class Module>
    void search(Run& run, Module& module) {
        optimal_lr_.reset();
        if (run.fast_dev_run()) {
            run.warn("LearningRateFinder: left out, since fast_dev_run is set.");
            return;
        }
        std::string name;
        if (options_.update_attr) {
            name = detail::find_attribute<Name>(module, run.source(), options_.attr_name,
                                                {"lr", "learning_rate"}, "LearningRateFinder");
        }
        if (run.configured().optimizer_count() != 1) {
            throw ConfigError("LearningRateFinder: configure_optimizers() returned " +
                              std::to_string(run.configured().optimizer_count()) +
                              " optimizers, expected exactly one. Return one, or remove the finder.");
        }
        LRFindResult result{options_.mode, options_.min_lr, options_.max_lr, options_.num_training_steps, {}};
        detail::with_everything_restored(run, [&] { sweep(run, result); });
        if (options_.update_attr) {
            update(run, module, name, result);
        }
        optimal_lr_ = std::move(result);
    }

    template <class Run>
    void sweep(Run& run, LRFindResult& result) {
        detail::LRSweep schedule(options_.mode, options_.min_lr, options_.max_lr,
                                 options_.num_training_steps);
        detail::SearchRun<Run, detail::LRSweep, detail::LRRecorder> search(
            run, limits(run), detail::LRRecorder(result.results, options_.early_stop_threshold));
        search.borrow_optimizers(std::move(schedule));
        using Inner = typename decltype(search)::type;
        const std::int64_t first = run.global_step();
        detail::FitLoop<Inner>(*search).run(false);
        if (search->global_step() != first + options_.num_training_steps) {
            run.print("lit: the learning rate search ended after " +
                      std::to_string(search->global_step() - first) + " of " +
                      std::to_string(options_.num_training_steps) +
                      " steps: " + (search->should_stop() ? "the loss ran away." : "the fit's own limits."));
        }
        share(run, result.results.lr);
        share(run, result.results.loss);
    }

    template <class Run>
    [[nodiscard]] TrainerOptions limits(Run& run) const {
        TrainerOptions options = run.options();
        // What no limit means is decided by the fit's options, before the search sets a limit of its own.
        if (!options.max_epochs) {
            options.max_epochs = options.max_steps == -1 && !options.max_time ? 1000 : -1;
        }
        options.max_time.reset();
        options.max_steps = run.global_step() + options_.num_training_steps;
        options.limit_val_batches = Limit(options_.num_training_steps);
        options.num_sanity_val_steps = 0;
        return options;
    }

    /// Rank 0's numbers, on every rank.
    template <class Run>
    static void share(Run& run, std::vector<double>& values) {
        if (run.world_size() > 1) {
            const at::Tensor shared =
                run.collective().broadcast(at::tensor(values, at::TensorOptions(at::kDouble)), 0);
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] = shared[static_cast<std::int64_t>(i)].template item<double>();
            }
        }
    }

    template <class Run, class Module>
    void update(Run& run, Module& module, const std::string& name, const LRFindResult& result) {
        const std::optional<double> lr = result.suggestion();
        if (!lr) {
            run.warn(
                "LearningRateFinder: too few points for a suggestion, so the learning rate stays. Raise "
                "num_training_steps, or the limits that end the fit.");
            return;
        }
        detail::for_each_holder<Name>(module, run.source(), name,
                                      [&](auto& field) { detail::set_attribute(field, *lr); });
        run.for_each_optimizer([&](auto, auto& optimizer) {
            for (std::size_t group = 0; group < group_count(optimizer); ++group) {
                set_learning_rate(optimizer, group, *lr);
            }
        });
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, *lr).ptr;
        run.print("lit: learning rate set to " + std::string(digits, end));
    }

    LearningRateFinderOptions options_;
    std::optional<LRFindResult> optimal_lr_;
};

}  // namespace lit
