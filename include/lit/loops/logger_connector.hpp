// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/run_state.hpp>
#include <lit/core/stage.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loops/metric_row.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// The part of a Run that speaks to the loggers.
template <class Run>
class LoggerConnector {
 public:
    template <class F>
    void for_each_logger(F&& f) const {
        for_each_component(self().components(), [&](auto& component) {
            if constexpr (LoggerPolicy<std::remove_cvref_t<decltype(component)>>) {
                f(component);
            }
        });
    }
    [[nodiscard]] bool has_loggers() const {
        bool any = false;
        for_each_logger([&any](const auto&) { any = true; });
        return any;
    }
    /// Whether `log_every_n_steps` has come round: of accumulation windows in training (the one in work is the next), of
    /// batches of its run in an evaluation, also of one inside of a fit.
    [[nodiscard]] bool should_update_logs() const {
        const std::int64_t every = self().options().log_every_n_steps;
        if (every <= 0) {
            return false;
        }
        const RunState& state = self().state();
        if (state.running == RunningStage::none || state.should_stop) {
            return true;
        }
        const std::int64_t step = state.running == RunningStage::training ? state.progress.batches_that_stepped + 1
                                                                          : state.progress.validation_batch.current.ready;
        return step % every == 0;
    }
    /// One row to every logger, on rank 0. Without a step: the value logged as "step" if there is one, else the
    /// number of closed accumulation windows, and `epoch` is added.
    void log_metrics(std::span<const Scalar> metrics, std::optional<std::int64_t> step = std::nullopt) {
        if (metrics.empty() || !self().is_global_zero() || self().fast_dev_run()) {
            return;
        }
        for_each_logger([&](auto& logger) {
            logger.log_metrics(metrics, step.value_or(self().state().progress.batches_that_stepped));
            logger.save();
        });
    }
    /// Publishes, and sends what is meant for the loggers.
    void log_published(std::optional<std::int64_t> step = std::nullopt) {
        row_.clear();
        bool has_epoch = false;
        bool own_step = false;
        const MetricId epoch_id = MetricSlot<"epoch">::id;
        const MetricId step_id = MetricSlot<"step">::id;
        self().state().publish_to([&](MetricId id, const Number& number) {
            if (id == step_id && !step) {
                step = static_cast<std::int64_t>(number.value());
                own_step = true;
                return;
            }
            has_epoch |= id == epoch_id;
            row_.add(id, number);
        });
        finish_row(step, own_step, has_epoch);
    }
    /// Sends values that were put aside, as one row.
    void log_collected(const MetricTable& values) {
        row_.clear();
        std::optional<std::int64_t> step;
        bool has_epoch = false;
        for (const auto& [id, number] : values.items()) {
            if (id == MetricSlot<"step">::id) {
                step = static_cast<std::int64_t>(number.value());
            } else {
                has_epoch |= id == MetricSlot<"epoch">::id;
                row_.add(id, number);
            }
        }
        const bool own_step = step.has_value();
        finish_row(step, own_step, has_epoch);
    }
    /// The first logger's folder; the root folder without loggers.
    [[nodiscard]] std::filesystem::path log_dir() const {
        std::optional<std::filesystem::path> found;
        for_each_logger([&](const auto& logger) {
            if (!found && !logger.log_dir().empty()) {
                found = logger.log_dir();
            }
        });
        return found.value_or(self().default_root_dir());
    }

 private:
    Run& self() { return static_cast<Run&>(*this); }
    const Run& self() const { return static_cast<const Run&>(*this); }
    void finish_row(std::optional<std::int64_t> step, bool own_step, bool has_epoch) {
        if (row_.empty()) {
            return;
        }
        if (!step && !own_step && !has_epoch) {
            row_.add(MetricSlot<"epoch">::id, self().current_epoch());
        }
        log_metrics(row_.scalars(), step);
    }

    MetricRow row_;
};

}  // namespace lit::detail
