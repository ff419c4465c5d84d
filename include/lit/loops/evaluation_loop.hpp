// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/core/results.hpp>
#include <lit/core/run_state.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/evaluation_metrics.hpp>
#include <lit/loops/limit.hpp>
#include <lit/loops/loader_shares.hpp>
#include <lit/loops/signal_agreement.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/strategies/strategy.hpp>

#include <torch/nn/module.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

namespace detail {

struct Validation {
    using request = ValRequest;
    using step = hooks::validation_step;
    using model_eval = hooks::on_validation_model_eval;
    using model_train = hooks::on_validation_model_train;
    using start = hooks::on_validation_start;
    using end = hooks::on_validation_end;
    using epoch_start = hooks::on_validation_epoch_start;
    using epoch_end = hooks::on_validation_epoch_end;
    using batch_start = hooks::on_validation_batch_start;
    using batch_end = hooks::on_validation_batch_end;
    static constexpr std::string_view limit_name = "limit_val_batches";
    static constexpr Stage stage = Stage::validate;
};
struct Testing {
    using request = TestRequest;
    using step = hooks::test_step;
    using model_eval = hooks::on_test_model_eval;
    using model_train = hooks::on_test_model_train;
    using start = hooks::on_test_start;
    using end = hooks::on_test_end;
    using epoch_start = hooks::on_test_epoch_start;
    using epoch_end = hooks::on_test_epoch_end;
    using batch_start = hooks::on_test_batch_start;
    using batch_end = hooks::on_test_batch_end;
    static constexpr std::string_view limit_name = "limit_test_batches";
    static constexpr Stage stage = Stage::test;
};

/// What the batch's end hooks see of a step that returned nothing.
struct NoOutput {};

/// Lets a loader that was made sequential for one run shuffle again, where it can.
template <class Loader>
void take_back_order(Loader& loader) {
    if constexpr (requires { deref(loader).set_sequential(false); }) {
        deref(loader).set_sequential(false);
    }
}

/// Runs `validation_step` or `test_step` over one loader or several, with Lightning's hooks around it.
template <class Run, class Kind>
class EvaluationLoop {
 public:
    using Source = typename Run::source_type;
    using Returned = requested_t<Source, typename Kind::request>;
    static constexpr bool has_step =
        has_step_for<typename Kind::step, Run, typename Kind::request, std::int64_t, std::int64_t>;
    static constexpr bool offered = Kind::request::template offered<Source>;

    /// `rows` counts the batches of each loader, over all evaluations of a run: the x of what they log.
    EvaluationLoop(Run& run, const Limit& limit, ResultCollection& results, std::vector<std::int64_t>& rows,
                   RunningStage running)
        : run_(run), limit_(limit), results_(results), rows_(rows), running_(running) {}
    EvaluationLoop(const EvaluationLoop&) = delete;
    EvaluationLoop& operator=(const EvaluationLoop&) = delete;
    ~EvaluationLoop() {
        if constexpr (offered && has_step) {
            take_back_orders();
        }
    }

    /// Asks for the loaders, the first time and when `reload_dataloaders_every_n_epochs` says so, and finds out how many
    /// batches each is good for.
    void setup_data(bool again = false) {
        if constexpr (offered && has_step) {
            if ((has_data() && !again && !reload_is_due()) || limit_.is_zero()) {
                return;
            }
            note_load();
            if (has_data()) {
                rows_.clear();
                take_back_orders();
            }
            loaders_.reset();
            loaders_.set(Kind::request::ask(run_.source()));
            for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t index) { put_in_order(loader, index); });
            count_batches();
            rows_.resize(max_batches_.size(), 0);
        }
    }
    /// Of the loaders as they are now.
    void count_batches() {
        if constexpr (offered && has_step) {
            if (!has_data()) {
                return;
            }
            const ShareScope shares(run_, loaders_.get(), {});
            max_batches_.clear();
            for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t) {
                const auto batches = limit_.of(loader_size(loader), Kind::limit_name);
                max_batches_.push_back(batches.value_or(unlimited));
            });
            if (run_.stage() == Stage::fit) {
                const std::int64_t sanity = run_.options().num_sanity_val_steps;
                run_.set_num_val_batches(batches(), batches(sanity == -1 ? unlimited : sanity));
            }
        }
    }
    /// Batches of each loader; -1 where nobody knows.
    [[nodiscard]] std::vector<std::int64_t> batches(std::int64_t at_most = unlimited) const {
        std::vector<std::int64_t> all;
        for (const std::int64_t batches : max_batches_) {
            const std::int64_t capped = std::min(batches, at_most);
            all.push_back(capped == unlimited ? -1 : capped);
        }
        return all;
    }
    /// Whether there is something to evaluate. Of loaders that were given, and whose number is known only at run time,
    /// there may be none; a hook that returns loaders is called where they are needed, as in Lightning.
    [[nodiscard]] bool validates() {
        if constexpr (offered && has_step) {
            if (limit_.is_zero()) {
                return false;
            }
            if constexpr (LoaderRange<Returned> && std::derived_from<Source, Given>) {
                auto&& loaders = Kind::request::ask(run_.source());
                return loader_count(loaders) > 0;
            } else {
                return true;
            }
        } else {
            return false;
        }
    }
    [[nodiscard]] bool has_data() const { return loaders_.has_value(); }

    /// Units   `at_most`: batches of each loader, for the sanity check.
    /// Errors  whatever a hook throws; Interrupt after a signal.
    std::vector<Metrics> run(std::int64_t at_most = unlimited) {
        if constexpr (offered && has_step) {
            setup_data();
            std::int64_t total = 0;
            for (const std::int64_t batches : max_batches_) {
                total += std::min(batches, at_most) > 0 ? 1 : 0;
            }
            if (total == 0) {
                return {};
            }
            return evaluate(at_most);
        } else {
            return {};
        }
    }

    static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

 private:
    [[nodiscard]] bool reload_is_due() const {
        const std::int64_t every = run_.options().reload_dataloaders_every_n_epochs;
        return run_.stage() == Stage::fit && every > 0 &&
               (!last_load_epoch_ || run_.current_epoch() - *last_load_epoch_ >= every);
    }
    /// A sanity check before an epoch that does not validate does not count, as in Lightning.
    void note_load() {
        const auto every = run_.options().check_val_every_n_epoch;
        if (!run_.sanity_checking() || !every || (run_.current_epoch() + 1) % *every == 0) {
            last_load_epoch_ = run_.current_epoch();
        }
    }
    /// Whether no batches of a later loader follow.
    [[nodiscard]] bool is_last_loader(std::int64_t loader_idx, std::int64_t at_most) const {
        for (auto i = static_cast<std::size_t>(loader_idx) + 1; i < max_batches_.size(); ++i) {
            if (std::min(max_batches_[i], at_most) > 0) {
                return false;
            }
        }
        return true;
    }

    template <class Loader>
    void put_in_order(Loader& loader, std::int64_t index) {
        if (run_.stage() == Stage::fit && !run_.options().overfit_batches.is_zero()) {
            if constexpr (Sequencable<Loader>) {
                if (deref(loader).is_shuffled()) {
                    run_.warn("overfit_batches: the validation loader shuffles; its batches are taken in order.");
                    deref(loader).set_sequential();
                    put_in_order_.push_back(index);
                }
            }
        }
    }
    void take_back_orders() {
        if (has_data() && !put_in_order_.empty()) {
            for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t index) {
                if (std::ranges::find(put_in_order_, index) != put_in_order_.end()) {
                    take_back_order(loader);
                }
            });
            put_in_order_.clear();
        }
    }

    std::vector<Metrics> evaluate(std::int64_t at_most) {
        RunState& state = run_.state();
        state.results = &results_;
        state.running = state.sanity_checking() ? RunningStage::sanity_checking : running_;
        BatchProgress& progress = state.progress.validation_batch;
        progress.reset_on_run();
        if constexpr (PreparesEvaluation<std::remove_cvref_t<decltype(run_.strategy())>>) {
            run_.strategy().before_evaluation();
        }
        run_.keep_modes();
        if constexpr (module_listens<typename Kind::model_eval, Run>) {
            call_module<typename Kind::model_eval>(run_);
        } else {
            run_.module().eval();
        }
        call_all<typename Kind::start>(run_);
        if constexpr (anyone_listens<typename Kind::start, Run, typename Run::components_type>) {
            if (run_.take_reload()) {
                setup_data(true);
                run_.set_num_eval_batches(batches());
            }
        }
        call_all<typename Kind::epoch_start>(run_);

        metrics_.clear();
        walk(at_most);
        store_loader_outputs();
        return finish();
    }

    void walk(std::int64_t at_most) {
        RunState& state = run_.state();
        BatchProgress& progress = state.progress.validation_batch;
        const ShareScope shares(run_, loaders_.get(), {});
        const bool several = max_batches_.size() > 1;
        bool any = false;
        for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t loader_idx) {
            const std::int64_t limit = std::min(max_batches_[static_cast<std::size_t>(loader_idx)], at_most);
            if (limit <= 0) {
                return;
            }
            const bool last_loader = is_last_loader(loader_idx, at_most);
            if (any) {
                store_loader_outputs();
            }
            any = true;
            set_epoch_if(loader, state.progress.epoch.current.processed);
            for_each_batch(loader, wanted_device(run_), 0, limit == unlimited ? std::nullopt : std::optional(limit),
                           [&](const auto& batch, std::int64_t batch_idx, bool is_last) {
                               progress.is_last_batch = is_last;
                               with_transferred(run_, batch, loader_idx, [&](const auto& moved) {
                                   step(moved, batch_idx, loader_idx, several);
                               });
                               poll_signals(is_last && last_loader);
                               return true;
                           });
        });
    }

    template <class Batch>
    void step(const Batch& batch, std::int64_t batch_idx, std::int64_t loader_idx, bool several) {
        RunState& state = run_.state();
        BatchProgress& progress = state.progress.validation_batch;
        progress.increment_ready();
        state.batch_started(batch_size(batch), several ? loader_idx : -1);
        call_all<typename Kind::batch_start>(run_, batch, batch_idx, loader_idx);
        progress.increment_started();
        const auto compute = [&]() -> decltype(auto) {
            [[maybe_unused]] const auto scope = run_.precision().forward_scope(run_.device().type());
            return call_module<typename Kind::step>(run_, batch, batch_idx, loader_idx);
        };
        if constexpr (std::is_void_v<decltype(compute())>) {
            compute();
            progress.increment_processed();
            call_all<typename Kind::batch_end>(run_, no_output_, batch, batch_idx, loader_idx);
        } else {
            const auto output = compute();
            progress.increment_processed();
            call_all<typename Kind::batch_end>(run_, output, batch, batch_idx, loader_idx);
        }
        state.batch_ended();
        progress.increment_completed();
        if (!state.sanity_checking()) {
            run_.log_published(rows_[static_cast<std::size_t>(loader_idx)]++);
        }
    }

    /// Remembers what one loader's epoch came to.
    void store_loader_outputs() {
        RunState& state = run_.state();
        state.epoch_end_reached();
        metrics_.begin_loader();
        if (!state.sanity_checking()) {
            state.publish_to([this](MetricId id, const Number& number) { metrics_.add(id, number); });
        }
    }

    std::vector<Metrics> finish() {
        RunState& state = run_.state();
        state.epoch_end_reached();
        results_.set_dataloader(-1);
        call_all<typename Kind::epoch_end>(run_);
        state.epoch_ended();
        if (!state.sanity_checking()) {
            state.publish_to([this](MetricId id, const Number& number) { metrics_.add_to_all_loaders(id, number); });
            run_.log_collected(metrics_.logged());
        }
        run_.for_each_logger([&](auto& logger) {
            if (run_.is_global_zero() && !run_.fast_dev_run()) {
                flush_logs(logger);
            }
        });
        state.validation_began = {};
        call_all<typename Kind::end>(run_);
        state.reset_results();
        if constexpr (module_listens<typename Kind::model_train, Run>) {
            call_module<typename Kind::model_train>(run_);
            run_.forget_modes();
        } else {
            run_.put_modes_back();
        }
        return metrics_.take_loaders();
    }

    /// Of several ranks those in a fit agree after the training batch; their validations may have unequally many batches.
    void poll_signals(bool is_last) const {
        if (run_.world_size() == 1 || run_.stage() != Stage::fit) {
            AskedToEnd::of_this_process().leave(is_last);
        }
    }

    Run& run_;
    Limit limit_;
    ResultCollection& results_;
    std::vector<std::int64_t>& rows_;
    RunningStage running_;
    HeldLoader<Returned> loaders_;
    std::optional<std::int64_t> last_load_epoch_;
    std::vector<std::int64_t> max_batches_;
    std::vector<std::int64_t> put_in_order_;  ///< loaders that shuffled before `overfit_batches`
    EvaluationMetrics metrics_;
    NoOutput no_output_;
};

}  // namespace detail
}  // namespace lit
