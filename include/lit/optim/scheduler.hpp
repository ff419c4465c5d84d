// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace lit {

template <class S>
concept AttachesToOptimizer = requires(S s, NullOptimizer& o) {
    s.initialize(o);
};
template <class S>
concept StepsAlone = requires(S s, NullOptimizer& o) {
    s.step(o);
};
/// Steps by the value of a metric: `step(optimizer, value)`, as ReduceLROnPlateau does.
template <class S>
concept NeedsMetric = !StepsAlone<S> && requires(S s, NullOptimizer& o, double metric) {
    s.step(o, metric);
};
template <class S>
concept SavesSchedule = requires(S s, const S c, const Value& v) {
    { c.state_dict() } -> std::convertible_to<Value>;
    s.load_state_dict(v);
};
template <class S>
concept ReportsLastLR = requires(const S s) {
    { s.last_lr() } -> std::convertible_to<const std::vector<double>&>;
};

/// Changes learning rates over time. It neither owns nor points to its optimizer, so both may be moved.
///
/// initialize(opt)    once, before the first step: records `initial_lr` and sets the rates of step 0.
/// step(opt)          one more step of the schedule; with a second argument, the metric, if it NeedsMetric.
/// state_dict()       what Python's scheduler of that name saves; load_state_dict() takes either's.
/// last_lr()          one rate per parameter group, as set last.
/// Models             StepLR, ExponentialLR, CosineAnnealingLR, LinearLR, ConstantLR, LambdaLR,
///                    ReduceLROnPlateau, NoScheduler.
template <class S>
concept LRSchedulerPolicy = std::movable<S> && AttachesToOptimizer<S> &&
    (StepsAlone<S> || NeedsMetric<S>)&&SavesSchedule<S>&& ReportsLastLR<S>;

/// No schedule: rates stay as they are.
struct NoScheduler {
    static void initialize(auto& /*optimizer*/) {}
    static void step(auto& /*optimizer*/) {}
    [[nodiscard]] static Value state_dict() { return Dict{}; }
    static void load_state_dict(const Value& /*state*/) {}
    [[nodiscard]] static std::vector<double> last_lr() { return {}; }
};
static_assert(LRSchedulerPolicy<NoScheduler>);
static_assert(std::is_empty_v<NoScheduler>);

}  // namespace lit
