// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/scheduler.hpp>

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace lit {

/// One of several schedulers, chosen at run time: what a `std::variant` of schedulers becomes.
///
/// Errors  ConfigError from `step(optimizer)` while the chosen one needs a metric; ask `needs_metric()`.
template <LRSchedulerPolicy... Ss>
class SchedulerVariant {
 public:
    explicit SchedulerVariant(std::variant<Ss...> chosen) : chosen_(std::move(chosen)) {}

    static constexpr bool may_need_metric = (NeedsMetric<Ss> || ...);
    [[nodiscard]] bool needs_metric() const {
        return std::visit([]<class S>(const S&) { return NeedsMetric<S>; }, chosen_);
    }

    void initialize(auto& optimizer) {
        std::visit([&](auto& s) { s.initialize(optimizer); }, chosen_);
    }
    void initialize(auto& optimizer, const std::vector<double>& first) {
        std::visit(
            [&](auto& s) {
                if constexpr (requires { s.initialize(optimizer, first); }) {
                    s.initialize(optimizer, first);
                } else {
                    s.initialize(optimizer);
                }
            },
            chosen_);
    }
    void step(auto& optimizer) {
        std::visit(
            [&]<class S>(S& s) {
                if constexpr (NeedsMetric<S>) {
                    throw ConfigError(
                        "SchedulerVariant: the scheduler needs a metric. Call step(optimizer, metric).");
                } else {
                    s.step(optimizer);
                }
            },
            chosen_);
    }
    /// The metric is left unused by a scheduler that needs none.
    void step(auto& optimizer, double metric) {
        std::visit(
            [&]<class S>(S& s) {
                if constexpr (NeedsMetric<S>) {
                    s.step(optimizer, metric);
                } else {
                    s.step(optimizer);
                }
            },
            chosen_);
    }
    [[nodiscard]] Value state_dict() const {
        return std::visit([](const auto& s) -> Value { return s.state_dict(); }, chosen_);
    }
    void load_state_dict(const Value& state) {
        std::visit([&](auto& s) { s.load_state_dict(state); }, chosen_);
    }
    [[nodiscard]] std::vector<double> last_lr() const {
        return std::visit([](const auto& s) -> std::vector<double> { return s.last_lr(); }, chosen_);
    }

    /// The one that was chosen, for `std::visit`.
    [[nodiscard]] std::variant<Ss...>& chosen() { return chosen_; }
    [[nodiscard]] const std::variant<Ss...>& chosen() const { return chosen_; }

 private:
    std::variant<Ss...> chosen_;
};

}  // namespace lit
