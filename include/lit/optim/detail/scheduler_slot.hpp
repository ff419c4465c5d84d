// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/scheduler.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lit {

/// When a scheduler steps: at the end of an epoch, or after a batch on which the optimizer stepped.
enum class Interval : std::uint8_t { epoch, step };

namespace detail {

/// A scheduler as the loops see it: normalised settings and one interface, whatever the scheduler is.
template <LRSchedulerPolicy S>
struct SchedulerSlot {
    using Scheduler = S;

    S scheduler;
    Interval interval = Interval::epoch;
    std::int64_t frequency = 1;
    std::string monitor{};  ///< empty: none
    bool strict = true;     ///< a monitor that was not logged is an error, else a warning and no step
    std::string name{};     ///< for LearningRateMonitor; empty: by the optimizer
    std::size_t optimizer_index = 0;

    /// False where no code for metrics is needed at all.
    static constexpr bool may_need_metric = [] {
        if constexpr (requires { S::may_need_metric; }) {
            return S::may_need_metric;
        } else {
            return NeedsMetric<S>;
        }
    }();
    /// Lightning's `reduce_on_plateau`.
    [[nodiscard]] bool needs_metric() const {
        if constexpr (requires { scheduler.needs_metric(); }) {
            return scheduler.needs_metric();
        } else {
            return NeedsMetric<S>;
        }
    }

    /// `first`: the rates before any scheduler, for one that cannot learn them from the optimizer.
    void initialize(auto& optimizer, const std::vector<double>& first = {}) {
        if constexpr (requires { scheduler.initialize(optimizer, first); }) {
            scheduler.initialize(optimizer, first);
        } else {
            scheduler.initialize(optimizer);
        }
    }
    void step(auto& optimizer) {
        if constexpr (NeedsMetric<S>) {
            throw ConfigError("lr_scheduler: the scheduler needs a metric. Call step(optimizer, metric).");
        } else {
            scheduler.step(optimizer);
        }
    }
    /// The metric is left unused by a scheduler that needs none.
    void step(auto& optimizer, double metric) {
        if constexpr (requires { scheduler.step(optimizer, metric); }) {
            scheduler.step(optimizer, metric);
        } else {
            scheduler.step(optimizer);
        }
    }
    [[nodiscard]] Value state_dict() const { return scheduler.state_dict(); }
    void load_state_dict(const Value& state) { scheduler.load_state_dict(state); }
    [[nodiscard]] std::vector<double> last_lr() const { return scheduler.last_lr(); }

    /// Errors  ConfigError: frequency < 1; a metric is needed and no monitor named (`automatic` optimization
    ///         only).
    void check(bool automatic) const {
        if (frequency < 1) {
            throw ConfigError("LRSchedulerConfig: frequency is " + std::to_string(frequency) +
                              ", expected 1 or more.");
        }
        if (automatic && needs_metric() && monitor.empty()) {
            throw ConfigError(
                "configure_optimizers: ReduceLROnPlateau has no monitor. Write "
                "lit::LRSchedulerConfig{.scheduler = "
                "lit::ReduceLROnPlateau{...}, .monitor = \"val_loss\"} or set .monitor of the "
                "OptimizerConfig.");
        }
    }
};

}  // namespace detail
}  // namespace lit
