// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace lit {

/// A scheduler as a module that overrides `lr_scheduler_step` sees it.
template <class Slot, class Optimizer>
class ScheduledStep {
 public:
    ScheduledStep(Slot& slot, Optimizer& optimizer) : slot_(slot), optimizer_(optimizer) {}
    void step() { slot_.step(optimizer_); }
    void step(std::optional<double> metric) { metric ? slot_.step(optimizer_, *metric) : slot_.step(optimizer_); }
    [[nodiscard]] auto last_lr() const { return slot_.last_lr(); }

 private:
    Slot& slot_;
    Optimizer& optimizer_;
};

namespace detail {

/// Steps the schedulers of one interval whose turn it is: those that need a metric, or those that do not.
///
/// Units   `position` counts from 1: micro-batches of the epoch for Interval::step, epochs for Interval::epoch.
/// Errors  ConfigError for a monitor that is missing where `strict`.
template <class Run>
void step_schedulers(Run& run, Interval interval, std::int64_t position, bool plateau) {
    if constexpr (automatic_optimization<typename Run::module_type>) {
        run.for_each_scheduler([&](auto& slot, auto& optimizer) {
            if (slot.needs_metric() != plateau || slot.interval != interval || position % slot.frequency != 0) {
                return;
            }
            std::optional<double> metric;
            if (plateau) {
                metric = run.callback_metrics().value(slot.monitor);
                if (!metric) {
                    const std::string problem = "lr_scheduler: the monitor \"" + slot.monitor +
                                                "\" of ReduceLROnPlateau was not logged. Known: " +
                                                run.callback_metrics().names() + ".";
                    if (run.state().metrics_left_out) {
                        run.warn(problem + " The checkpoint has no metrics (Lightning's have none): the step of the epoch that "
                                           "it was written in is left out.");
                        return;
                    }
                    if (slot.strict) {
                        throw ConfigError(problem + " Log it in every epoch, raise .frequency, or set .strict = false.");
                    }
                    run.warn(problem + " The step is left out, since strict is false.");
                    return;
                }
            }
            Progress& progress = run.state().progress.scheduler;
            progress.increment_ready();
            ScheduledStep step(slot, optimizer);
            if constexpr (module_listens<hooks::lr_scheduler_step, Run, decltype(step), std::optional<double>>) {
                call_module<hooks::lr_scheduler_step>(run, step, metric);
            } else {
                step.step(metric);
            }
            progress.increment_completed();
        });
    }
}

}  // namespace detail
}  // namespace lit
