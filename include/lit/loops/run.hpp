// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/collectives/collective.hpp>
#include <lit/core/run_state.hpp>
#include <lit/loops/brings_gradients.hpp>
#include <lit/loops/checkpoint_keeper.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/gradient_clipper.hpp>
#include <lit/loops/logger_connector.hpp>
#include <lit/loops/managed_optimizer.hpp>
#include <lit/loops/managed_scheduler.hpp>
#include <lit/loops/module_modes.hpp>
#include <lit/loops/predicted_batches.hpp>
#include <lit/loops/signal_agreement.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/loops/trainer_parts.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/backward.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/strategies/strategy.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// What hooks are given as `trainer`: one call of fit, validate, test or predict, with all its types known.
///
/// Reads     current_epoch, global_step, callback_metrics, metric<"name">, options, is_global_zero, world_size, ...
/// Acts      request_stop, log, log_metrics, save_checkpoint, optimizers, manual_backward, clip_gradients, ...
/// Source    the attributes and methods of Lightning's `Trainer` that hooks use, and those of a module's that need
///           the trainer's type.
template <class Parts, class Module, class Source>
class Run : public detail::LoggerConnector<Run<Parts, Module, Source>>,
            public detail::CheckpointKeeper<Run<Parts, Module, Source>>,
            public detail::GradientClipper<Run<Parts, Module, Source>>,
            public detail::PredictedBatches<Run<Parts, Module, Source>,
                                            detail::any_prediction_writer<typename Parts::components_type>>,
            public detail::LogCallsOf<Run<Parts, Module, Source>, Module, typename Parts::components_type>::type {
 public:
    using parts_type = Parts;
    using module_type = Module;
    using source_type = Source;
    using components_type = typename Parts::components_type;
    using configured_type = typename detail::ConfiguredFor<Parts, Module>::type;
    static constexpr bool has_datamodule = !std::derived_from<Source, detail::Given> && !std::same_as<Source, Module>;

    Run(Parts& parts, Module& module, Source& source, TrainerOptions options)
        : parts_(parts), module_(module), source_(source), options_(std::move(options)) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // --- where the run is ---

    [[nodiscard]] std::int64_t current_epoch() const { return state().current_epoch(); }
    [[nodiscard]] std::int64_t global_step() const { return state().global_step(); }
    /// Micro-batches that were trained on, over the whole run and those it goes on from; the one in work is not yet.
    [[nodiscard]] std::int64_t batches_seen() const { return state().progress.batch.total.processed; }
    /// Accumulation windows that were closed: however many optimizers stepped in one, it counts once. The loggers' x.
    [[nodiscard]] std::int64_t updates() const { return state().progress.batches_that_stepped; }
    [[nodiscard]] Stage stage() const { return state().stage; }
    [[nodiscard]] RunningStage running_stage() const { return state().running; }
    [[nodiscard]] bool sanity_checking() const { return state().sanity_checking(); }
    [[nodiscard]] bool should_stop() const { return state().should_stop; }
    /// In on_exception: whether Ctrl+C or SIGTERM (or an Interrupt that a hook threw) ends the run; empty for an error.
    [[nodiscard]] std::optional<Status> asked_to_end_by() const { return state().asked_to_end_by; }
    [[nodiscard]] const FitProgress& progress() const { return state().progress; }
    /// In on_train_start: whether training goes on inside an epoch whose start hooks were called in another run.
    [[nodiscard]] bool resumes_epoch() const {
        const Tracker& epoch = state().progress.epoch.current;
        return epoch.started > epoch.processed;
    }
    [[nodiscard]] const TrainerOptions& options() const { return options_; }
    [[nodiscard]] bool fast_dev_run() const { return options_.fast_dev_run > 0; }
    /// Batches of one epoch of training; empty when the loader does not know.
    [[nodiscard]] std::optional<std::int64_t> num_training_batches() const {
        if (num_training_batches_ && detail::passes_over_data(parts_.components)) {
            return *num_training_batches_ + 1;  // so that no window ends inside of it, as in Lightning
        }
        return num_training_batches_;
    }
    /// What `max_epochs` of the options means: -1 for no end.
    [[nodiscard]] std::int64_t max_epochs() const {
        return options_.max_epochs.value_or(options_.max_steps == -1 && !options_.max_time && !detail::has_timer(*this) ? 1000 : -1);
    }
    /// Batches of each validation loader, after `limit_val_batches`; -1 when the loader does not know.
    [[nodiscard]] const std::vector<std::int64_t>& num_val_batches() const { return num_val_batches_; }
    [[nodiscard]] const std::vector<std::int64_t>& num_sanity_val_batches() const { return num_sanity_batches_; }
    /// Batches of each loader of a test or a prediction.
    [[nodiscard]] const std::vector<std::int64_t>& num_eval_batches() const { return num_eval_batches_; }
    /// Batches of an accumulation window; of several components that accumulate, the last that says more than 1.
    [[nodiscard]] std::int64_t accumulate_grad_batches() const {
        std::int64_t batches = 1;
        for_each_component(parts_.components, [&](const auto& component) {
            if constexpr (AccumulatesGradients<std::remove_cvref_t<decltype(component)>>) {
                if (const std::int64_t own = component.accumulate_grad_batches(); own != 1) {
                    batches = own;
                }
            }
        });
        if (detail::passes_over_data(parts_.components)) {  // goes before the others, wherever it was given
            batches = num_training_batches().value_or(batches);
        }
        return batches;
    }
    [[nodiscard]] std::filesystem::path default_root_dir() const {
        return options_.default_root_dir.empty() ? std::filesystem::current_path() : options_.default_root_dir;
    }
    /// The file that this run went on from; empty when it began anew.
    [[nodiscard]] const std::filesystem::path& ckpt_path() const { return ckpt_path_; }
    void set_ckpt_path(std::filesystem::path path) { ckpt_path_ = std::move(path); }

    // --- metrics ---

    /// As they stand now, with what was logged a moment ago.
    [[nodiscard]] const MetricTable& callback_metrics() { return state().publish(state().callback_metrics); }
    [[nodiscard]] const MetricTable& logged_metrics() { return state().publish(state().logged_metrics); }
    [[nodiscard]] const MetricTable& progress_bar_metrics() { return state().publish(state().progress_bar_metrics); }
    [[nodiscard]] std::optional<double> find_metric(MetricId id) {
        const Number* found = callback_metrics().find(id);
        return found != nullptr ? std::optional(found->value()) : std::nullopt;
    }
    /// Errors  UnknownMetric that lists the known names.
    template <FixedString Name>
    [[nodiscard]] double metric() {
        return metric_or_throw(MetricSlot<Name>::id);
    }
    [[nodiscard]] double metric(std::string_view name) { return metric_or_throw(MetricNames::intern(name)); }
    /// Puts a value where monitors look, past `log`.
    void set_callback_metric(MetricId id, double value) { state().callback_metrics.set(id, value); }

    // --- acts ---

    /// Asks the run to end after this batch; `min_epochs` and `min_steps` are met first.
    void request_stop(std::string_view reason = "requested") { state().request_stop(reason); }

    // --- ranks ---

    [[nodiscard]] at::Device device() const { return parts_.strategy.device(); }
    [[nodiscard]] decltype(auto) collective() { return parts_.strategy.collective(); }
    [[nodiscard]] std::int64_t global_rank() const { return rank_; }
    [[nodiscard]] std::int64_t world_size() const { return world_size_; }
    [[nodiscard]] bool is_global_zero() const { return rank_ == 0; }
    /// The same answer on every rank: whether all, or any, of them say yes.
    [[nodiscard]] bool reduce_decision(bool decision, bool all = true) {
        if (world_size_ == 1) {
            return decision;
        }
        const auto votes = collective().all_reduce(at::scalar_tensor(decision ? 1.0 : 0.0), ReduceOp::sum);
        const double yes = Number(votes).value();
        return all ? yes == static_cast<double>(world_size_) : yes > 0.0;
    }
    /// `[...]` in, `[world_size, ...]` out.
    [[nodiscard]] at::Tensor all_gather(const at::Tensor& value) { return collective().all_gather(value); }

    // --- optimizers ---

    /// The optimizers of `configure_optimizers`, for manual optimization: one handle, or a tuple (a vector where a
    /// vector was returned) of them. `auto& [generator, discriminator] = trainer.optimizers();`
    [[nodiscard]] auto& optimizers() { return *handles_; }
    /// The schedulers of `configure_optimizers`, for manual optimization: one handle, or a tuple (a vector where the
    /// optimizers came in one) of them, an optional or a vector where the scheduler was one. They are stepped by the
    /// module alone: `auto& [slow, fast] = trainer.lr_schedulers(); slow.step();`
    [[nodiscard]] auto& lr_schedulers() {
        static_assert(!std::same_as<typename decltype(schedulers_)::value_type, std::tuple<>>,
                      "lit: lr_schedulers(): configure_optimizers returned no scheduler. Return "
                      "lit::OptimizerConfig{.optimizer = ..., .lr_scheduler = ...} for each optimizer that has one.");
        return *schedulers_;
    }
    /// Computes the gradients of a module that optimizes by hand, with the hooks around it.
    void manual_backward(const at::Tensor& loss) {
        static_assert(!automatic_optimization<Module>,
                      "lit: manual_backward belongs to manual optimization. Write static constexpr bool "
                      "automatic_optimization = false; in the module, or return the loss from training_step.");
        backward(loss);
    }
    /// The same of a step that computes them without autograd, as a static network's does.
    template <detail::BringsGradients Step>
    void manual_backward(const Step& step) {
        static_assert(!automatic_optimization<Module>,
                      "lit: manual_backward belongs to manual optimization. Write static constexpr bool "
                      "automatic_optimization = false; in the module, or return the step from training_step.");
        backward(step.loss, true, [&](double scale) { step.backward(scale); });
    }
    /// Only this optimizer's parameters require gradients until it is untoggled.
    template <class Handle>
    void toggle_optimizer(Handle& handle) {
        toggle_.toggle(*this, handle.optimizer());
    }
    template <class Handle>
    void untoggle_optimizer(Handle& /*handle*/) {
        toggle_.untoggle();
    }
    /// Toggled as long as what is returned lives, also where an exception ends that:
    /// `const auto toggled = trainer.toggled_optimizer(generator);`
    template <class Handle>
    [[nodiscard]] auto toggled_optimizer(Handle& handle) {
        toggle_optimizer(handle);
        return detail::ToggledScope(toggle_);
    }
    /// Calls `f(slot, optimizer)` for every scheduler: its interval, frequency, monitor and name with it.
    template <class F>
    void for_each_scheduler(F&& f) {
        if (!configured_) {
            return;
        }
        if (!detail::replaces_schedule(parts_.components)) {
            configured_->for_each_scheduler(f);
            return;
        }
        for_each_component(parts_.components, [&](auto& component) {
            if constexpr (ReplacesSchedule<std::remove_reference_t<decltype(component)>>) {
                if (auto* slot = component.schedule(); component.replaces_schedule() && slot != nullptr) {
                    configured_->for_each_optimizer([&](auto index, auto& optimizer) {
                        if (static_cast<std::size_t>(index) == slot->optimizer_index) {
                            f(*slot, optimizer);
                        }
                    });
                }
            }
        });
    }
    template <class F>
    void for_each_optimizer(F&& f) {
        if (configured_) {
            configured_->for_each_optimizer(f);
        }
    }

    // --- for the loops ---

    [[nodiscard]] RunState& state() { return parts_.state; }
    [[nodiscard]] const RunState& state() const { return parts_.state; }
    [[nodiscard]] Module& module() { return module_; }
    [[nodiscard]] Source& source() { return source_; }
    [[nodiscard]] auto& components() const { return parts_.components; }
    [[nodiscard]] auto& strategy() { return parts_.strategy; }
    [[nodiscard]] auto& precision() { return parts_.precision; }
    [[nodiscard]] configured_type& configured() { return *configured_; }
    template <class Returned>
    void set_configured(Returned&& returned) {
        configured_.emplace(std::forward<Returned>(returned), automatic_optimization<Module>);
        handles_.emplace(detail::HandlesOf<Run, configured_type>::make(*this, *configured_));
        schedulers_.emplace(detail::scheduler_handles(*configured_));
    }
    void set_num_training_batches(std::optional<std::int64_t> batches) { num_training_batches_ = batches; }
    void set_num_val_batches(std::vector<std::int64_t> all, std::vector<std::int64_t> sanity) {
        num_val_batches_ = std::move(all);
        num_sanity_batches_ = std::move(sanity);
    }
    void set_num_eval_batches(std::vector<std::int64_t> all) { num_eval_batches_ = std::move(all); }
    /// Asks an evaluation, from its start hook, for its loaders anew.
    void reload_dataloaders() { reload_dataloaders_ = true; }
    [[nodiscard]] bool take_reload() { return std::exchange(reload_dataloaders_, false); }
    /// The modes of the module's parts before an evaluation, which puts them back at its end; where an exception ends it, they are put
    /// back once `on_exception` was called, since whoever catches it may go on training.
    void keep_modes() { modes_.capture(module_); }
    void forget_modes() { modes_ = {}; }
    void put_modes_back() { std::exchange(modes_, {}).restore(module_); }
    void connect_ranks() {
        parts_.strategy.setup_environment();
        rank_ = collective().rank();
        world_size_ = collective().world_size();
        state().rank = rank_;
        state().ranks = {};
        if constexpr (std::is_lvalue_reference_v<decltype(parts_.strategy.collective())>) {
            if (world_size_ > 1) {
                joint_.emplace(collective());
                state().ranks = {this, &Run::reduce_number, &*joint_};
            }
        }
    }
    /// Which signals ask this run to end: every rank asks at the same places, and all hear the same.
    [[nodiscard]] detail::AskedToEnd poll_signals() {
        decltype(auto) ranks = collective();
        return signals_.poll(ranks);
    }
    /// Once the last batch is over.
    [[nodiscard]] detail::AskedToEnd last_signals() {
        decltype(auto) ranks = collective();
        return signals_.finish(ranks);
    }
    /// Gradients of the loss, with the hooks around it: by autograd, or as `compute_own(scale)` does.
    template <class Compute = std::nullptr_t>
    void backward(const at::Tensor& loss, bool synchronise = true, [[maybe_unused]] Compute compute_own = {}) {
        const at::Tensor scaled = parts_.precision.scale(loss);
        detail::call_all<hooks::on_before_backward>(*this, scaled);
        constexpr bool own = !std::is_null_pointer_v<Compute>;
        if constexpr (!own) {
            parts_.strategy.before_backward(scaled, synchronise);
        }
        const auto compute = [&] {
            if constexpr (detail::module_listens<hooks::backward, Run, const at::Tensor>) {
                detail::call_module<hooks::backward>(*this, scaled);
            } else if constexpr (own) {
                compute_own(scaled.is_same(loss) ? 1.0 : parts_.precision.scale(loss.new_ones({})).template item<double>());
            } else {
                backward_(scaled);
            }
            if constexpr (own && AveragesGradients<typename Parts::strategy_type>) {
                if (synchronise) {
                    parts_.strategy.average_gradients();
                }
            }
        };
        if constexpr (ExplainsErrors<typename Parts::strategy_type>) {
            try {
                compute();
            } catch (const std::exception& error) {
                parts_.strategy.explain(error);
                throw;
            }
        } else {
            compute();
        }
        detail::call_all<hooks::on_after_backward>(*this);
    }
    /// A message for people, on rank 0, past the progress bar.
    void print(const std::string& text) const {
        if (is_global_zero()) {
            for_each_component(parts_.components, [](auto& component) {
                if constexpr (requires { component.clear_line(); }) {
                    component.clear_line();
                }
            });
            std::fprintf(stderr, "%s\n", text.c_str());
        }
    }
    void warn(const std::string& text) const { print("lit: warning: " + text); }

 private:
    friend typename detail::LogCallsOf<Run, Module, components_type>::type;

    [[nodiscard]] RunState* log_state() { return &state(); }
    [[nodiscard]] bool owns(const void* metric) const {
        return detail::lies_within(module_, metric) || detail::lies_within(parts_.components, metric);
    }
    template <FixedString Name>
    static consteval void check_declared() {}
    [[nodiscard]] double metric_or_throw(MetricId id) {
        if (const auto value = find_metric(id)) {
            return *value;
        }
        throw UnknownMetric("Trainer: no logged value \"" + MetricNames::name(id) + "\". Known: " +
                            state().callback_metrics.names() + ". Log it with log(\"" + MetricNames::name(id) +
                            "\", ...).");
    }
    static Number reduce_number(void* context, const Number& value, Reduce how) {
        auto& run = *static_cast<Run*>(context);
        constexpr ReduceOp operations[] = {ReduceOp::mean, ReduceOp::minimum, ReduceOp::maximum, ReduceOp::sum};
        const at::Tensor tensor = value.on_device()
                                      ? value.tensor()
                                      : at::scalar_tensor(value.value(), at::TensorOptions(at::kDouble));
        return run.collective().all_reduce(tensor.clone(), operations[static_cast<std::size_t>(how)]);
    }

    Parts& parts_;
    Module& module_;
    Source& source_;
    TrainerOptions options_;
    std::optional<configured_type> configured_;
    std::optional<typename detail::HandlesOf<Run, configured_type>::type> handles_;
    std::optional<detail::scheduler_handles_t<configured_type>> schedulers_;
    detail::OptimizerToggle toggle_;
    Backward backward_;
    [[no_unique_address]] detail::SignalAgreement<
        std::remove_cvref_t<decltype(std::declval<typename Parts::strategy_type&>().collective())>>
        signals_;
    std::optional<std::int64_t> num_training_batches_;
    std::vector<std::int64_t> num_val_batches_;
    std::vector<std::int64_t> num_sanity_batches_;
    std::vector<std::int64_t> num_eval_batches_;
    std::optional<CollectiveRef> joint_;  ///< for metric objects; empty on one rank
    std::int64_t rank_ = 0;
    std::int64_t world_size_ = 1;
    detail::ModuleModes modes_;  ///< while an evaluation is under way, as they were before it
    bool reload_dataloaders_ = false;
    std::filesystem::path ckpt_path_;
};

}  // namespace lit
