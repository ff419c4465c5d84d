// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/error.hpp>
#include <lit/core/rank_zero_decides.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/stage_clock.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/lit_entry.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/loops/schedulers.hpp>
#include <lit/loops/trainer_options.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/core/Device.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// One epoch of training: batch after batch, with the validations that fall inside.
template <class Run>
class TrainingEpochLoop {
 public:
    using Module = typename Run::module_type;
    using Clock = std::chrono::steady_clock;

    TrainingEpochLoop(Run& run, EvaluationLoop<Run, Validation>& validation)
        : run_(run), validation_(validation), optimization_(run) {}

    /// Units   batches of an epoch at most, empty when unknown; limits are in epochs and optimizer steps. `sized`: whether the loader
    ///         says how many it has. One that does not may end before a limit, and validates where it ends.
    /// Errors  ConfigError when validation was asked for less often than there are batches.
    void set_up(std::optional<std::int64_t> batches, bool sized, bool validates) {
        const TrainerOptions& options = run_.options();
        max_batches_ = batches;
        validates_ = validates;
        check_every_.reset();
        if (!validates || (options.val_check_interval && options.val_check_interval->time())) {
            return;
        }
        const Limit every = options.val_check_interval ? options.val_check_interval->batches() : Limit(1.0);
        if (every.is_count()) {
            check_every_ = every.count();
            if (batches && *batches > 0 && every.count() > *batches && options.check_val_every_n_epoch) {
                throw ConfigError("TrainerOptions: val_check_interval = " + every.text() + " is more than the " +
                                  std::to_string(*batches) + " batches of an epoch. Use at most that, or set "
                                  "check_val_every_n_epoch = std::nullopt to count over all epochs.");
            }
        } else if (batches && sized) {
            check_every_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(*batches) *
                                                                               every.fraction()));
        } else if (!every.is_everything()) {
            throw ConfigError("TrainerOptions: val_check_interval = " + every.text() +
                              " is a fraction of a loader that does not know its size. Use 1.0, a number of batches, "
                              "or a duration.");
        }
    }

    /// From now on an interval by the clock counts.
    void start_interval() { last_validation_ = Clock::now(); }

    /// What a Timer does with `max_time`: it looks where the fit begins and behind the callbacks of each batch.
    void start_time() {
        if (keeps_max_time(run_)) {
            run_.state().max_time_clock.start(RunningStage::training);
        }
    }
    void check_time() {
        if (keeps_max_time(run_)) {
            stop_when_time_is_up(run_, run_.state().max_time_clock, *run_.options().max_time, true);
        }
    }
    void end_time() {
        if (keeps_max_time(run_)) {
            run_.state().max_time_clock.end(RunningStage::training);
        }
    }

    /// Trains on the batches of the loader, of which there are some unless it is `done`, from `first` on, where it stands if it
    /// is `placed`. `may_stop()` answers whether the minimum is met; `last_trained()` is called between the last batch and the validation that may follow.
    template <class Loader, class MayStop, class LastTrained>
    void run(Loader& loader, std::int64_t first, bool placed, MayStop&& may_stop, LastTrained&& last_trained) {
        const at::Device device = wanted_device(run_);
        for_each_batch(loader, device, first, max_batches_, [&](const auto& batch, std::int64_t batch_idx, bool is_last) {
            bool goes_on = true;
            with_transferred(run_, batch, 0, [&](const auto& moved) { goes_on = advance(moved, batch_idx, is_last); });
            if (!goes_on) {
                return false;
            }
            if (is_last) {
                last_trained();
            }
            after_batch(batch_idx, may_stop);
            return !done(may_stop);
        }, placed);
    }

    /// What comes after a batch's end hooks: the validation that is due, unless it was done, and the count of the window.
    template <class MayStop>
    void finish_batch(std::int64_t batch_idx, bool validated, MayStop&& may_stop) {
        if (!validated && should_validate(batch_idx, may_stop)) {
            validate();
        }
        if (!should_accumulate()) {
            step_schedulers(run_, Interval::step, batch_idx + 1, true);
            ++run_.state().progress.batches_that_stepped;
        }
        run_.state().batch_finished = true;
    }

    /// The row of a batch that closes a window, where one is due.
    void log_batch() {
        if (automatic_optimization<Module> ? !should_accumulate() : true) {
            if (run_.should_update_logs() || run_.fast_dev_run()) {
                run_.log_published();
            }
        }
    }

    /// Whether gradients of the batch in work are only added up.
    [[nodiscard]] bool should_accumulate() const {
        const BatchProgress& progress = run_.state().progress.batch;
        return progress.current.ready % run_.accumulate_grad_batches() != 0 && !last_batch_reached();
    }
    [[nodiscard]] bool last_batch_reached() const {
        const BatchProgress& progress = run_.state().progress.batch;
        return progress.is_last_batch || (max_batches_ && progress.current.ready == *max_batches_);
    }
    [[nodiscard]] bool is_validation_epoch() const {
        const auto every = run_.options().check_val_every_n_epoch;
        return validates_ && (!every || (run_.current_epoch() + 1) % *every == 0);
    }

    /// Whether no batch of this epoch is to come.
    template <class MayStop>
    bool done(MayStop& may_stop) {
        if (training_done()) {
            return true;
        }
        if (run_.should_stop()) {
            if (may_stop()) {
                return true;
            }
            if (!told_of_minimum_) {
                told_of_minimum_ = true;
                run_.print("lit: a stop was requested, but min_epochs or min_steps is not met. Training continues.");
            }
        }
        return false;
    }

 private:
    [[nodiscard]] bool training_done() const {
        const std::int64_t max_steps = run_.options().max_steps;
        return (max_steps != -1 && run_.global_step() >= max_steps) || last_batch_reached();
    }

    template <class Batch>
    bool advance(const Batch& batch, std::int64_t batch_idx, bool is_last) {
        RunState& state = run_.state();
        BatchProgress& progress = state.progress.batch;
        progress.is_last_batch = is_last;
        state.batch_finished = false;
        progress.increment_ready();
        state.batch_started(batch_size(batch), -1);
        call_callbacks<hooks::on_train_batch_start>(run_, batch, batch_idx);
        if (call_on_batch_start(batch, batch_idx) == Next::skip_epoch) {
            progress.is_last_batch = true;
            progress.increment_processed();
            step_batch_schedulers(batch_idx);
            return false;
        }
        progress.increment_started();
        const auto output = optimization_.run(batch, batch_idx, run_.accumulate_grad_batches(), should_accumulate());
        progress.increment_processed();
        step_batch_schedulers(batch_idx);
        call_callbacks<hooks::on_train_batch_end>(run_, output, batch, batch_idx);
        check_time();
        call_module<hooks::on_train_batch_end>(run_, output, batch, batch_idx);
        state.batch_ended();
        progress.increment_completed();
        log_batch();
        return true;
    }

    template <class Batch>
    Next call_on_batch_start(const Batch& batch, std::int64_t batch_idx) {
        if constexpr (module_listens<hooks::on_train_batch_start, Run, const Batch, std::int64_t>) {
            using Returned = decltype(call_module<hooks::on_train_batch_start>(run_, batch, batch_idx));
            if constexpr (std::is_void_v<Returned>) {
                call_module<hooks::on_train_batch_start>(run_, batch, batch_idx);
            } else {
                static_assert(std::same_as<Returned, Next>,
                              "lit: on_train_batch_start of a module returns nothing or a lit::Next "
                              "(lit::Next::skip_epoch ends the epoch).");
                return call_module<hooks::on_train_batch_start>(run_, batch, batch_idx);
            }
        }
        return Next::go_on;
    }

    void step_batch_schedulers(std::int64_t batch_idx) {
        if (!should_accumulate()) {
            step_schedulers(run_, Interval::step, batch_idx + 1, false);
        }
        if (last_batch_reached()) {
            step_schedulers(run_, Interval::epoch, run_.current_epoch() + 1, false);
        }
    }

    template <class MayStop>
    void after_batch(std::int64_t batch_idx, MayStop& may_stop) {
        finish_batch(batch_idx, false, may_stop);
        if (const AskedToEnd asked = run_.poll_signals(); asked.any()) {
            asked.leave(training_done());
        }
    }

    void validate() {
        const RunState::Nested nested(run_.state());
        if (!should_accumulate()) {
            zero_grad_before_validation();
        }
        run_.state().validation_began = {.rng = RngStates::now(run_.device()),
                                         .rows = run_.state().validation_rows,
                                         .loggers = LitEntry<Run>(run_).loggers()};
        const at::NoGradGuard no_grad;
        validation_.run();
        run_.state().validation_began = {};  // nothing does it where there was no batch
        last_validation_ = Clock::now();
    }
    void zero_grad_before_validation() {
        if constexpr (module_listens<hooks::on_validation_model_zero_grad, Run>) {
            call_module<hooks::on_validation_model_zero_grad>(run_);
        } else {
            run_.module().zero_grad(true);
        }
    }

    template <class MayStop>
    bool should_validate(std::int64_t batch_idx, MayStop& may_stop) {
        if (!is_validation_epoch()) {
            return false;
        }
        if (run_.should_stop() && may_stop()) {
            return true;
        }
        const TrainerOptions& options = run_.options();
        if (options.val_check_interval && options.val_check_interval->time()) {
            // By one clock for all ranks.
            return rank_zero_decides(run_, Clock::now() - last_validation_ >= *options.val_check_interval->time());
        }
        if (!check_every_) {
            return run_.state().progress.batch.is_last_batch;
        }
        // The total counts what is ready; the batch in work is the last of them.
        const std::int64_t position =
            options.check_val_every_n_epoch ? batch_idx + 1 : run_.state().progress.batch.total.ready;
        return position % *check_every_ == 0;
    }

    Run& run_;
    EvaluationLoop<Run, Validation>& validation_;
    Optimization<Run> optimization_;
    std::optional<std::int64_t> max_batches_;
    std::optional<std::int64_t> check_every_;
    bool validates_ = false;
    bool told_of_minimum_ = false;
    Clock::time_point last_validation_;
};

}  // namespace lit::detail
