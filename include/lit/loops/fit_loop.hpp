// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/rng_state.hpp>
#include <lit/core/seed.hpp>
#include <lit/loops/batch_sizing.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/fit_limits.hpp>
#include <lit/loops/loader_shares.hpp>
#include <lit/loops/open_window.hpp>
#include <lit/loops/schedulers.hpp>
#include <lit/loops/stepping_estimate.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/loops/training_epoch_loop.hpp>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/anomaly_mode.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit::detail {

/// The epochs of a fit: the order of Lightning's hooks from the sanity check to on_train_end.
template <class Run>
class FitLoop {
 public:
    using Source = typename Run::source_type;
    using Returned = requested_t<Source, TrainRequest>;

    explicit FitLoop(Run& run)
        : run_(run),
          validation_(run, run.options().limit_val_batches, run.state().fit_validation_results,
                      run.state().validation_rows, RunningStage::validating),
          epoch_(run, validation_) {
        run_.state().validation_began = {};
        run_.state().validation_rows.clear();
        run_.state().train_loader = {this, [](void* loop) { return static_cast<FitLoop*>(loop)->loader_state(); }};
    }
    FitLoop(const FitLoop&) = delete;
    FitLoop& operator=(const FitLoop&) = delete;
    ~FitLoop() {
        run_.state().train_loader = {};
        run_.state().resume_point = {};
        give_back_loader();
        if (loader_.has_value()) {
            drop_prefetched_if(loader_.get());
        }
    }

    /// `resumed`: the counters come from a checkpoint.
    void run(bool resumed) {
        tell_of_half_a_validation();
        limits_.resolve();
        epoch_.check_time();
        RunState& state = run_.state();
        state.results = &state.train_results;
        state.running = RunningStage::training;
        if (run_.take_reload()) {
            loaded_early_ = false;  // what a module asked for early had another batch size
        }
        if (!resumed) {  // an exception may have ended the fit before inside an epoch
            state.progress.epoch.drop_unprocessed();
            state.progress.batch.drop_unprocessed();
        }
        state.metrics_left_out = resumed && state.resume_point.empty();
        run_.module().zero_grad(true);
        finish_epoch_in_work(resumed);
        sanity_check();
        std::optional<torch::autograd::DetectAnomalyGuard> anomaly;
        if (run_.options().detect_anomaly) {
            anomaly.emplace();
        }
        train(resumed);
    }

 private:
    void tell_of_half_a_validation() {
        using Evaluation = EvaluationLoop<Run, Validation>;
        if constexpr (Evaluation::offered && !Evaluation::has_step) {
            run_.warn("validation batches were given, but the module has no validation_step: no validation.");
        } else if constexpr (Evaluation::has_step && !Evaluation::offered) {
            run_.warn("the module has a validation_step, but there is no val_dataloader: no validation.");
        }
    }
    void sanity_check() {
        const std::int64_t steps = run_.options().num_sanity_val_steps;
        const RngIsolation isolation(run_.device());
        validates_ = validation_.validates();
        if (!validates_ || steps == 0) {
            return;
        }
        const RunState::Nested nested(run_.state());
        RunState& state = run_.state();
        // Those of a checkpoint; empty in a run that begins.
        const MetricTable kept = state.callback_metrics;
        const BatchProgress validated = state.progress.validation_batch;
        state.running = RunningStage::sanity_checking;
        state.reset_results();
        state.reset_metrics();
        call_callbacks<hooks::on_sanity_check_start>(run_);
        {
            const at::NoGradGuard no_grad;
            validation_.run(steps == -1 ? EvaluationLoop<Run, Validation>::unlimited : steps);
        }
        call_callbacks<hooks::on_sanity_check_end>(run_);
        state.reset_results();
        state.reset_metrics();
        state.callback_metrics = kept;
        state.progress.validation_batch = validated;
    }

    /// A run that broke off, or was saved, while an epoch's end was being handled: that epoch is over, but for what comes
    /// last: schedulers and the row of the epoch.
    void finish_epoch_in_work(bool resumed) {
        FitProgress& progress = run_.state().progress;
        if (progress.epoch.current.processed == progress.epoch.current.completed) {
            return;
        }
        if (resumed) {
            ended_epoch_ = true;
            if (epoch_.last_batch_reached()) {
                step_schedulers(run_, Interval::epoch, run_.current_epoch() + 1, true);
            }
            run_.state().metrics_left_out = false;
            run_.state().train_results.load_state(run_.state().resume_point.metrics, run_.device());
            log_epoch();
        }
        progress.epoch.complete_processed();
    }

    void train(bool resumed) {
        const bool inside_epoch = resumed && run_.resumes_epoch();
        setup_data(!inside_epoch);
        // Of a run that broke off at its last epoch's end on_train_end is still to come.
        if ((!ended_epoch_ && limits_.reached(max_batches_)) || max_batches_ == 0) {
            return;
        }
        if (epoch_.is_validation_epoch() && !validation_.has_data()) {
            validation_.setup_data();
        }
        epoch_.start_time();
        call_all<hooks::on_train_start>(run_);
        if (resumed) {
            take_up(inside_epoch);
        }
        bool first = true;
        while (!limits_.reached(max_batches_)) {
            run_epoch(first && inside_epoch);
            first = false;
        }
        call_all<hooks::on_train_end>(run_);
        epoch_.end_time();
    }

    void run_epoch(bool resumed_inside) {
        RunState& state = run_.state();
        FitProgress& progress = state.progress;
        reload_if_due();
        if (!resumed_inside && sizing_.apply(run_, loader_.get(), true)) {
            count_batches();
            validation_.count_batches();
        }
        set_epoch_if(loader_.get(), progress.epoch.current.processed);
        std::int64_t first_batch = 0;
        if (resumed_inside) {
            first_batch = resume_epoch();
        } else {
            order_ = {};  // of an epoch that was not gone on with
            progress.epoch.increment_ready();
            call_all<hooks::on_train_epoch_start>(run_);
            progress.epoch.increment_started();
            progress.batch.reset_on_run();
            progress.scheduler.reset_current();
            progress.optimizer_step.reset_current();
            progress.optimizer_zero_grad.reset_current();
            progress.validation_batch.total = {};
        }
        const auto may_stop = [this] { return limits_.can_stop_early(); };
        // Where no batch is to come any more the order would be that of the epoch behind, or that of another walk.
        if (!(resumed_inside && progress.batch.is_last_batch) && !epoch_.done(may_stop)) {
            // Hooks, or a validation that was still due, may have walked through the loader.
            keep_epoch_if(loader_.get(), progress.epoch.current.processed);
            take_up_order(first_batch);
            epoch_.run(deref(loader_.get()), first_batch, resumed_inside && placed_, may_stop, [this] { prefetch_next_epoch(); });
        }
        finish_epoch();
    }

    /// Where another epoch is to come, and from this loader; if it does not, what was begun is dropped at the end.
    void prefetch_next_epoch() {
        const std::int64_t next = run_.state().progress.epoch.current.processed + 1;
        if (limits_.allow_epoch(next) && !run_.should_stop() &&
            run_.options().reload_dataloaders_every_n_epochs == 0) {
            prefetch_epoch_if(loader_.get(), next);
        }
    }

    static constexpr bool stateful = StatefulLoader<Returned>;
    static_assert(!stateful || Seekable<Returned> || SizedLoader<Returned>,
                  "lit: a training loader with state_dict() and load_state_dict(state) needs size() or seek(batch) too: one "
                  "that does not know its size is read a batch ahead, and so would its state be.");

    [[nodiscard]] Dict loader_state() {
        if constexpr (stateful) {
            if (!order_.empty()) {
                return order_;
            }
            if (loader_.has_value()) {
                return deref(loader_.get()).state_dict();
            }
        }
        return {};
    }
    /// What nothing that ran before this point may have touched. Only an epoch that goes on has more than the generator.
    void take_up(bool inside_epoch) {
        const ResumePoint point = std::exchange(run_.state().resume_point, {});
        load_gradients(run_.module(), point.gradients);
        std::vector<std::int64_t>& rows = run_.state().validation_rows;
        rows.resize(std::max(rows.size(), point.validation_rows.size()));
        std::ranges::transform(point.validation_rows, rows.begin(), [](const Value& seen) { return seen.to_int(); });
        run_.state().batch_finished = point.batch_finished;
        if (inside_epoch) {
            run_.state().resume_epoch(point.metrics, run_.device());
            in_validation_ = point.in_validation;
            if constexpr (stateful) {
                order_ = point.train_loader;
            }
        }
        point.rng.restore(run_.device());
    }
    void take_up_order(std::int64_t first_batch) {
        if constexpr (stateful) {
            if (const Dict order = std::exchange(order_, {}); !order.empty() && (!max_batches_ || first_batch < *max_batches_)) {
                deref(loader_.get()).load_state_dict(order);
                placed_ = !Seekable<Returned>;
            }
        }
    }

    /// The next batch of the epoch in which the checkpoint was written.
    std::int64_t resume_epoch() {
        FitProgress& progress = run_.state().progress;
        const bool in_batch_end = progress.batch.current.completed != progress.batch.current.processed;
        const bool next_began = progress.batch.current.ready != progress.batch.current.processed;
        // What was processed is done, also when the file was written in the batch's end hooks.
        progress.batch.complete_processed();
        progress.batch.drop_unprocessed();
        if (next_began) {
            progress.batch.is_last_batch = false;
        }
        if (in_validation_) {
            progress.validation_batch.total.ready -= progress.validation_batch.current.ready;
            progress.validation_batch.total.started -= progress.validation_batch.current.started;
            progress.validation_batch.total.processed -= progress.validation_batch.current.processed;
            progress.validation_batch.total.completed -= progress.validation_batch.current.completed;
        }
        if (in_batch_end) {
            epoch_.log_batch();
        }
        if (progress.batch.current.processed > 0 && !next_began && !run_.state().batch_finished) {
            // The file was written in the batch's end hooks or in a validation: what comes after these is done now.
            epoch_.finish_batch(progress.batch.current.processed - 1, !in_batch_end && !in_validation_,
                                [this] { return limits_.can_stop_early(); });
        }
        return progress.batch.current.processed;
    }

    void finish_epoch() {
        RunState& state = run_.state();
        state.epoch_end_reached();
        if (run_.world_size() > 1) {
            // All ranks reduce here, so that a reader on one rank alone (a progress bar) does not reduce alone.
            state.publish();
        }
        state.progress.epoch.increment_processed();
        call_callbacks_if<hooks::on_train_epoch_end, DoesNotMonitor>(run_);
        call_module<hooks::on_train_epoch_end>(run_);
        call_callbacks_if<hooks::on_train_epoch_end, Monitors>(run_);
        state.epoch_ended();
        if (epoch_.last_batch_reached()) {
            step_schedulers(run_, Interval::epoch, run_.current_epoch() + 1, true);
        }
        state.metrics_left_out = false;
        log_epoch();
        state.progress.epoch.increment_completed();
        run_.last_signals().leave();
    }

    /// The row of the epoch stands at the x of its last step.
    void log_epoch() {
        struct OneLess {
            std::int64_t& count;
            explicit OneLess(std::int64_t& counter) : count(counter) { --count; }
            OneLess(const OneLess&) = delete;
            OneLess& operator=(const OneLess&) = delete;
            ~OneLess() { ++count; }  // also when a logger throws: the file that is written then is to have it
        };
        const OneLess at_last_step(run_.state().progress.batches_that_stepped);
        run_.log_published();
        run_.state().reset_results();
    }

    /// `new_epoch`: not one that a checkpoint goes on in.
    void setup_data(bool new_epoch = true) {
        const TrainerOptions& options = run_.options();
        if (options.limit_train_batches.is_zero()) {
            max_batches_ = 0;
            return;
        }
        if (!std::exchange(loaded_early_, false)) {
            give_back_loader();
            loader_.reset();
            loader_.set(TrainRequest::ask(run_.source()));
        }
        auto& loader = loader_.get();
        if constexpr (Sequencable<decltype(loader)>) {
            if (!options.overfit_batches.is_zero() && deref(loader).is_shuffled()) {
                if (!std::exchange(told_of_order_, true)) {
                    run_.warn("overfit_batches: the training loader shuffles; its batches are taken in order.");
                }
                deref(loader).set_sequential();
                put_in_order_ = true;
            }
        }
        share_.reset();
        share_.emplace(run_, loader,
                       ShardOptions{.shuffle = options.overfit_batches.is_zero(),
                                    .seed = static_cast<std::int64_t>(global_seed().value_or(0))});
        if (sizing_.apply(run_, loader, new_epoch)) {
            validation_.count_batches();
        }
        last_load_epoch_ = run_.current_epoch();
        count_batches();
        epoch_.start_interval();
        if (max_batches_ && *max_batches_ < options.log_every_n_steps && run_.has_loggers() && !run_.fast_dev_run() &&
            !told_of_logging_) {
            told_of_logging_ = true;
            run_.warn("an epoch has " + std::to_string(*max_batches_) + " batches, log_every_n_steps = " +
                      std::to_string(options.log_every_n_steps) + ". Lower it to see rows of each epoch.");
        }
    }
    /// What the fit did to the loader is taken back.
    void give_back_loader() {
        share_.reset();
        if (loader_.has_value()) {
            if (std::exchange(put_in_order_, false)) {
                take_back_order(loader_.get());
            }
            sizing_.give_back(loader_.get());
        }
    }
    /// Of the loader as it is now.
    void count_batches() {
        const std::optional<std::int64_t> size = loader_size(loader_.get());
        max_batches_ = run_.options().limit_train_batches.of(size, "limit_train_batches");
        run_.set_num_training_batches(max_batches_);
        epoch_.set_up(max_batches_, size.has_value(), validates_);
    }
    /// Before its turn, for a module that asks how long the fit will be.
    void load_early() {
        if (!loader_.has_value()) {
            // The size of the batches is chosen when the epoch begins; that of a checkpoint's is known here.
            setup_data(run_.ckpt_path().empty());
            loaded_early_ = loader_.has_value();
        }
    }
    void reload_if_due() {
        const std::int64_t every = run_.options().reload_dataloaders_every_n_epochs;
        if (every > 0 && run_.current_epoch() - last_load_epoch_ >= every) {
            setup_data();
        }
    }

    Run& run_;
    FitLimits<Run> limits_{run_};
    EvaluationLoop<Run, Validation> validation_;
    TrainingEpochLoop<Run> epoch_;
    HeldLoader<Returned> loader_;
    std::optional<ShareScope<std::remove_reference_t<Returned>>> share_;
    std::optional<std::int64_t> max_batches_;
    std::int64_t last_load_epoch_ = 0;
    bool validates_ = false;
    bool told_of_logging_ = false;
    bool told_of_order_ = false;
    bool put_in_order_ = false;
    bool loaded_early_ = false;
    bool in_validation_ = false;
    bool ended_epoch_ = false;  ///< of the checkpoint, whose end was under way
    Dict order_;           ///< the loader's state in the epoch that goes on, until it does
    bool placed_ = false;  ///< the loader's own state says where it goes on
    [[no_unique_address]] BatchSizing<Run> sizing_;
    friend class EstimateScope<Run, FitLoop>;
    EstimateScope<Run, FitLoop> estimate_{run_, *this};
};

}  // namespace lit::detail
