// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/core/run_state.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/checkpoint_connector.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/run.hpp>
#include <lit/loops/run_scopes.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

/// A search inside a run: the ordinary loops with other components and limits, and everything put back afterwards.
namespace lit::detail {

/// Stands for "the schedulers of the run around it".
struct OwnSchedulers {};

/// The optimizers of the run around a search, lent to it; with `Sweep` a scheduler of the search's own takes the place
/// of the schedulers.
template <class Outer, class Sweep>
class BorrowedOptimizers {
 public:
    static constexpr bool is_static = Outer::is_static;
    static constexpr std::size_t static_count = Outer::static_count;
    static constexpr bool sweeps = !std::same_as<Sweep, OwnSchedulers>;
    struct Loan {
        Outer& outer;
        Sweep sweep;
    };

    BorrowedOptimizers(Loan loan, bool /*automatic*/)
        : outer_(loan.outer), slot_(make_slot(std::move(loan.sweep))) {
        if constexpr (sweeps) {
            for_each_scheduler([](auto& slot, auto& optimizer) { slot.initialize(optimizer); });
        }
    }

    [[nodiscard]] constexpr std::size_t optimizer_count() const { return outer_.optimizer_count(); }
    template <std::size_t I>
    requires is_static [[nodiscard]] auto& optimizer() { return outer_.template optimizer<I>(); }
    [[nodiscard]] auto& optimizer(std::size_t index) requires(!is_static) { return outer_.optimizer(index); }
    template <class Fn>
    void for_each_optimizer(Fn&& fn) {
        outer_.for_each_optimizer(fn);
    }
    template <class Fn>
    void for_each_scheduler(Fn&& fn) {
        if constexpr (sweeps) {
            outer_.for_each_optimizer([&](auto, auto& optimizer) { fn(slot_, optimizer); });
        } else {
            outer_.for_each_scheduler(fn);
        }
    }

 private:
    static auto make_slot(Sweep&& sweep) {
        if constexpr (sweeps) {
            return SchedulerSlot<Sweep>{.scheduler = std::move(sweep), .interval = Interval::step};
        } else {
            return OwnSchedulers{};
        }
    }

    Outer& outer_;
    decltype(make_slot(std::declval<Sweep>())) slot_;
};

/// What a search is made of: the strategy and the precision of the run around it, components and a state of its own.
template <class Strategy, class Precision, class Components, class Sweep>
struct SearchParts {
    using strategy_type = Strategy;
    using precision_type = Precision;
    using components_type = Components;
    template <class Module>
    using configured_type = BorrowedOptimizers<configured_t<Module>, Sweep>;

    Strategy& strategy;
    Precision& precision;
    Components components;
    RunState state{};
};

/// One search run inside `Outer`. It has accumulation and clipping as they are in the run around it, no logger and no
/// other component but `Extra`; its counters begin where those of the outer run stand, and end with it.
template <class Outer, class Sweep, class... Extra>
class SearchRun {
 public:
    using Components =
        ComponentTuple<Extra..., std::optional<GradientAccumulation>, std::optional<GradientClip>>;
    using OuterParts = typename Outer::parts_type;
    using Parts = SearchParts<typename OuterParts::strategy_type, typename OuterParts::precision_type,
                              Components, Sweep>;
    using type = Run<Parts, typename Outer::module_type, typename Outer::source_type>;

    SearchRun(Outer& outer, const TrainerOptions& options, Extra... extra)
        : outer_(outer),
          parts_{outer.strategy(), outer.precision(),
                 Components(std::move(extra)..., accumulation(outer), clip(outer))},
          run_(parts_, outer.module(), outer.source(), options),
          attachment_(prepare()) {
        run_.connect_ranks();
    }
    SearchRun(const SearchRun&) = delete;
    SearchRun& operator=(const SearchRun&) = delete;
    ~SearchRun() { modes_.restore(outer_.module()); }

    [[nodiscard]] type& operator*() { return run_; }
    [[nodiscard]] type* operator->() { return &run_; }
    void borrow_optimizers(Sweep sweep) {
        using Lent = typename Parts::template configured_type<typename Outer::module_type>;
        run_.set_configured(typename Lent::Loan{outer_.configured(), std::move(sweep)});
    }

 private:
    static std::optional<GradientAccumulation> accumulation(Outer& outer) {
        const std::int64_t batches = outer.accumulate_grad_batches();
        bool divides = false;
        for_each_component(outer.components(), [&](auto& component) {
            if constexpr (requires { component.divides_by_real_size(); }) {
                divides = divides || component.divides_by_real_size();
            }
        });
        return batches > 1 ? std::optional(GradientAccumulation({.batches = batches, .divide_by_real_size = divides}))
                           : std::nullopt;
    }
    static std::optional<GradientClip> clip(Outer& outer) {
        std::optional<GradientClip> found;
        for_each_component(outer.components(), [&](auto& component) {
            if constexpr (ClipsGradients<std::remove_reference_t<decltype(component)>>) {
                found.emplace(component.clip_val(), component.algorithm());
            }
        });
        return found;
    }
    type& prepare() {
        RunState& state = parts_.state;
        state.stage = outer_.stage();
        state.progress = outer_.progress();
        state.automatic_optimization = outer_.state().automatic_optimization;
        modes_.capture(outer_.module());
        return run_;
    }

    Outer& outer_;
    Parts parts_;
    type run_;
    ModuleModes modes_;
    Attachment attachment_;
};

/// A copy of the value on the CPU that shares no tensor with it.
[[nodiscard]] inline Value independent_copy(const Value& value) {
    const auto copy_list = [](const List& list) {
        List copies;
        copies.reserve(list.size());
        for (const Value& item : list) {
            copies.push_back(independent_copy(item));
        }
        return copies;
    };
    if (const auto* tensor = value.get_if<at::Tensor>()) {
        return tensor->defined()
                   ? tensor->detach().to(at::Device(at::kCPU), tensor->scalar_type(), false, true)
                   : *tensor;
    }
    if (const auto* list = value.get_if<List>()) {
        return copy_list(*list);
    }
    if (const auto* tuple = value.get_if<Tuple>()) {
        return Tuple{copy_list(tuple->items)};
    }
    if (const auto* opaque = value.get_if<Opaque>()) {
        return Opaque{opaque->type, copy_list(opaque->parts)};
    }
    if (const auto* dict = value.get_if<Dict>()) {
        Dict copy;
        copy.ordered = dict->ordered;
        for (const auto& [key, item] : *dict) {
            copy.append(independent_copy(key), independent_copy(item));
        }
        return copy;
    }
    return value;
}

/// What a search may change, taken before it and given back after it, also when it throws: weights, optimizers,
/// schedulers, callbacks, counters, the random state. It is a checkpoint in memory, with the hooks of one.
template <class Run>
class Snapshot {
 public:
    explicit Snapshot(Run& run)
        : random_(run.device()),
          run_(run),
          progress_(run.progress()),
          resume_point_(run.state().resume_point),
          checkpoint_(std::move(independent_copy(CheckpointConnector<Run>(run).dump(false)).dict())) {}

    void restore() {
        CheckpointConnector<Run> connector(run_);
        connector.restore_module_and_callbacks(checkpoint_);
        if (run_.stage() == Stage::fit) {
            connector.restore_training(checkpoint_);
            run_.state().progress = progress_;
            run_.state().resume_point = resume_point_;  // that of the fit's own checkpoint, or none
        }
        run_.module().zero_grad(true);
    }

 private:
    RngIsolation random_;
    Run& run_;
    FitProgress progress_;
    ResumePoint resume_point_;
    Dict checkpoint_;
};

/// Runs `body` and restores whatever happens.
template <class Run, class Body>
void with_everything_restored(Run& run, Body&& body) {
    Snapshot<Run> snapshot(run);
    try {
        body();
    } catch (...) {
        snapshot.restore();
        throw;
    }
    snapshot.restore();
}

}  // namespace lit::detail
