// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/run_state.hpp>
#include <lit/core/stage.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/run_options.hpp>
#include <lit/loops/run_scopes.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/attribute.hpp>
#include <lit/tuner/batch_size_finder.hpp>
#include <lit/tuner/batch_size_options.hpp>
#include <lit/tuner/learning_rate_finder.hpp>
#include <lit/tuner/lr_find_result.hpp>

#include <boost/hana/unpack.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

namespace lit {

/// What `Tuner::lr_find` is told; Lightning's names and defaults.
struct LRFindOptions {
    double min_lr = 1e-8;
    double max_lr = 1.0;
    std::int64_t num_training = 100;  ///< optimizer steps between the two
    LRFindMode mode = LRFindMode::exponential;
    std::optional<double> early_stop_threshold = 4.0;  ///< stop at so many times the best loss; none: never
    bool update_attr = true;                           ///< set the learning rate that was found
    std::string attr_name{};  ///< of the field to set; empty: `lr`, else `learning_rate`
};

namespace detail {

/// The parts of a trainer with a finder before its components; the state is a copy that ends with the search.
template <class Parts, class Components>
struct TuningParts {
    using strategy_type = typename Parts::strategy_type;
    using precision_type = typename Parts::precision_type;
    using components_type = Components;

    strategy_type& strategy;
    precision_type& precision;
    Components components;
    TrainerOptions options;
    RunState state{};
};

struct TrainerAccess {
    template <class T>
    static auto& parts(T& trainer) {
        return trainer.parts_;
    }
    template <class T, class Parts, class Module, class Source>
    static void fit(Parts& parts, Module& module, Source& source) {
        static_cast<void>(T::fit_from(parts, module, source, RunOptions{}));
    }
    template <class T, Stage S, class Parts, class Module, class Source>
    static void run(Parts& parts, Module& module, Source& source) {
        if constexpr (S == Stage::fit) {
            fit<T>(parts, module, source);
        } else if constexpr (S == Stage::validate) {
            static_cast<void>(T::template evaluate_from<Validation>(parts, module, source,
                                                                    RunOptions{.verbose = false}, S));
        } else if constexpr (S == Stage::test) {
            static_cast<void>(
                T::template evaluate_from<Testing>(parts, module, source, RunOptions{.verbose = false}, S));
        } else {
            static_cast<void>(T::predict_from(parts, module, source, RunOptions{}));
        }
    }
};

/// A finder whose run is over once it has found.
template <class Finder>
struct FindsAndEnds : Finder {
    using Finder::Finder;

    void on_fit_start(auto& trainer, auto& module) {
        Finder::on_fit_start(trainer, module);
        throw EarlyExit{};
    }
};
template <class Finder>
requires requires { Finder::finds_batch_size; }
struct FindsAndEnds<Finder> : Finder {
    using Finder::Finder;

    void on_fit_start(auto& trainer, auto& module) {
        end_after(trainer, module, [&] { Finder::on_fit_start(trainer, module); });
    }
    void on_validation_start(auto& trainer, auto& module) {
        end_after(trainer, module, [&] { Finder::on_validation_start(trainer, module); });
    }
    void on_test_start(auto& trainer, auto& module) {
        end_after(trainer, module, [&] { Finder::on_test_start(trainer, module); });
    }
    void on_predict_start(auto& trainer, auto& module) {
        end_after(trainer, module, [&] { Finder::on_predict_start(trainer, module); });
    }

 private:
    template <class Body>
    static void end_after(auto& /*trainer*/, auto& /*module*/, Body&& body) {
        body();
        throw EarlyExit{};
    }
};

template <class C>
inline constexpr bool finds_learning_rate = requires {
    component_t<C>::finds_learning_rate;
};
template <class C>
inline constexpr bool finds_batch_size = requires {
    component_t<C>::finds_batch_size;
};

}  // namespace detail

/// Looks for settings of a module with a trainer, before it trains.
///
/// `lit::Tuner tuner{trainer}; tuner.lr_find(model, data, {.max_lr = 0.1});` A run is set up with the trainer's
/// strategy, precision and components, as far as `on_fit_start`; there the search takes place, and the run is torn down.
/// The trainer itself stays as it was. See LearningRateFinder and BatchSizeFinder for what a search does.
///
/// Source  Lightning `Tuner`.
template <class Trainer>
class Tuner;

template <class Strategy, class Precision, class... Components>
class Tuner<Trainer<Strategy, Precision, Components...>> {
 public:
    using trainer_type = Trainer<Strategy, Precision, Components...>;

    explicit Tuner(trainer_type& trainer) : trainer_(trainer) {}

    /// Tries learning rates from small to large: `tuner.lr_find(model, data)`, `tuner.lr_find<"rate">(model, data)`.
    /// Data as `fit` takes them: nothing (the module's own loaders), a data module, a loader, or two.
    ///
    /// Errors  ConfigError for settings, and for an attribute that is not there. A trainer that has a LearningRateFinder
    ///         already does not compile.
    /// Source  Lightning `Tuner.lr_find`; empty after `fast_dev_run`, and when the run was interrupted.
    template <Attribute Name = Attribute{}, class Module>
    std::optional<LRFindResult> lr_find(Module& module, const LRFindOptions& options = {}) {
        return find_lr<Name>(module, module, options);
    }
    template <Attribute Name = Attribute{}, class Module, class Data>
    requires(!std::convertible_to<Data, const LRFindOptions&>) std::optional<LRFindResult> lr_find(
        Module& module, Data&& data, const LRFindOptions& options = {}) {
        if constexpr (LoaderSource<std::remove_reference_t<Data>>) {
            detail::GivenTraining<std::remove_reference_t<Data>, Module> source{{}, data, module};
            return find_lr<Name>(module, source, options);
        } else {
            return find_lr<Name>(module, data, options);
        }
    }
    template <Attribute Name = Attribute{}, class Module, class Train, class Val>
    requires(!std::convertible_to<Val, const LRFindOptions&>) std::optional<LRFindResult> lr_find(
        Module& module, Train&& train, Val&& val, const LRFindOptions& options = {}) {
        detail::GivenLoaders<std::remove_reference_t<Train>, std::remove_reference_t<Val>> source{
            {}, train, val};
        return find_lr<Name>(module, source, options);
    }

    /// Tries batch sizes until memory runs out: `tuner.scale_batch_size(model, data)`; for another stage
    /// `tuner.scale_batch_size<lit::Stage::predict>(model, data)`.
    ///
    /// Errors  as BatchSizeFinder. Loaders instead of a data module, and a trainer that has a BatchSizeFinder already, do
    ///         not compile.
    /// Source  Lightning `Tuner.scale_batch_size`; empty after `fast_dev_run`, and when the run was interrupted.
    template <Stage S = Stage::fit, Attribute Name = Attribute{}, class Module>
    std::optional<std::int64_t> scale_batch_size(Module& module, const BatchSizeFinderOptions& options = {}) {
        return find_batch_size<S, Name>(module, module, options);
    }
    template <Stage S = Stage::fit, Attribute Name = Attribute{}, class Module, class Data>
    requires(!std::convertible_to<Data, const BatchSizeFinderOptions&>)
        std::optional<std::int64_t> scale_batch_size(Module& module, Data&& data,
                                                     const BatchSizeFinderOptions& options = {}) {
        static_assert(!LoaderSource<std::remove_reference_t<Data>>,
                      "lit: scale_batch_size needs loaders that can be built anew, found a loader. Give a "
                      "data module, or "
                      "write train_dataloader() in the module.");
        if constexpr (!LoaderSource<std::remove_reference_t<Data>>) {
            return find_batch_size<S, Name>(module, data, options);
        } else {
            return std::nullopt;
        }
    }

 private:
    template <Attribute Name, class Module, class Source>
    std::optional<LRFindResult> find_lr(Module& module, Source& source, const LRFindOptions& options) {
        static_assert(
            automatic_optimization<Module>,
            "lit: a learning rate search raises the rate after each step that the trainer makes; this "
            "module optimizes by hand. Use automatic optimization, or search by hand.");
        static_assert(detail::check_attribute<Name, Module, Source>());
        static_assert(
            !(detail::finds_learning_rate<Components> || ...),
            "lit: this trainer already has a LearningRateFinder, which runs in fit. Remove it, or call fit "
            "instead of lr_find.");
        constexpr bool fine = automatic_optimization<Module> &&
                              detail::check_attribute<Name, Module, Source>() &&
                              !(detail::finds_learning_rate<Components> || ...);
        if constexpr (fine) {
            return found_lr<Name>(module, source, options);
        } else {
            return std::nullopt;
        }
    }
    template <Attribute Name, class Module, class Source>
    std::optional<LRFindResult> found_lr(Module& module, Source& source, const LRFindOptions& options) {
        detail::FindsAndEnds<LearningRateFinder<Name>> finder(
            {.min_lr = options.min_lr,
             .max_lr = options.max_lr,
             .num_training_steps = options.num_training,
             .mode = options.mode,
             .early_stop_threshold = options.early_stop_threshold,
             .update_attr = options.update_attr,
             .attr_name = options.attr_name});
        run<Stage::fit>(finder, module, source);
        return finder.optimal_lr();
    }

    template <Stage S, Attribute Name, class Module, class Source>
    std::optional<std::int64_t> find_batch_size(Module& module, Source& source,
                                                const BatchSizeFinderOptions& options) {
        static_assert(
            !(detail::finds_batch_size<Components> || ...),
            "lit: this trainer already has a BatchSizeFinder, which runs by itself. Remove it, or call fit "
            "instead of scale_batch_size.");
        static_assert(detail::check_attribute<Name, Module, Source>());
        if constexpr (!(detail::finds_batch_size<Components> || ...) &&
                      detail::check_attribute<Name, Module, Source>()) {
            detail::FindsAndEnds<BatchSizeFinder<Name>> finder(options);
            run<S>(finder, module, source);
            return finder.optimal_batch_size();
        } else {
            return std::nullopt;
        }
    }

    template <Stage S, class Finder, class Module, class Source>
    void run(Finder& finder, Module& module, Source& source) {
        auto& own = detail::TrainerAccess::parts(trainer_);
        using Own = std::remove_reference_t<decltype(own)>;
        using All = ComponentTuple<Finder&, Components&...>;
        detail::TuningParts<Own, All> parts{
            own.strategy, own.precision,
            boost::hana::unpack(own.components, [&](auto&... each) { return All(finder, each...); }),
            own.options};
        parts.state.progress = own.state.progress;
        parts.state.automatic_optimization = automatic_optimization<Module>;
        detail::ModuleModes modes;
        modes.capture(module);
        try {
            detail::TrainerAccess::run<trainer_type, S>(parts, module, source);
        } catch (...) {
            modes.restore(module);
            throw;
        }
        modes.restore(module);
    }

    trainer_type& trainer_;
};

template <class Trainer>
Tuner(Trainer&) -> Tuner<Trainer>;

}  // namespace lit
