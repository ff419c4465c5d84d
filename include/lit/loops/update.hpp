// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/optim/optimizer.hpp>

#include <cstddef>
#include <vector>

namespace lit::detail {

template <class Components>
inline constexpr bool scales_learning_rates = false;
template <class... C>
inline constexpr bool scales_learning_rates<ComponentTuple<C...>> = (ScalesLearningRates<component_t<C>> || ...);

/// Multiplies an optimizer's rates for as long as it lives.
template <class Optimizer>
class ScaledRates {
 public:
    ScaledRates(Optimizer& optimizer, double factor) : optimizer_(optimizer) {
        if (factor == 1.0) {
            return;
        }
        for (std::size_t group = 0; group < group_count(optimizer); ++group) {
            rates_.push_back(learning_rate(optimizer, group));
            set_learning_rate(optimizer, group, factor * rates_.back());
        }
    }
    ScaledRates(const ScaledRates&) = delete;
    ScaledRates& operator=(const ScaledRates&) = delete;
    ~ScaledRates() {
        for (std::size_t group = 0; group < rates_.size(); ++group) {
            set_learning_rate(optimizer_, group, rates_[group]);
        }
    }

 private:
    Optimizer& optimizer_;
    std::vector<double> rates_;
};

/// The optimizer's step, in the precision's way and at the rates that the components want.
template <class Run, class Optimizer>
void update(Run& run, Optimizer& optimizer) {
    if constexpr (scales_learning_rates<typename Run::components_type>) {
        const ScaledRates<Optimizer> scaled(optimizer, learning_rate_factor(run.components(), run.global_step()));
        run.precision().step(optimizer);
    } else {
        run.precision().step(optimizer);
    }
}

}  // namespace lit::detail
