// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/progress.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstddef>
#include <type_traits>
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

/// An optimizer that steps by a closure, to those who call `step()`.
template <class Optimizer, class Closure>
struct ClosureStep {
    Optimizer& optimizer;
    Closure& closure;
    void step() { optimizer.step(closure); }
};

/// The optimizer's step, in the precision's way and at the rates that the components want: of `steps`, where that is
/// not the optimizer itself.
template <class Run, class Optimizer, class Steps>
void update(Run& run, Optimizer& optimizer, Steps& steps) {
    if constexpr (scales_learning_rates<typename Run::components_type>) {
        const ScaledRates<Optimizer> scaled(optimizer, learning_rate_factor(run.components(), run.global_step()));
        run.precision().step(steps);
    } else {
        run.precision().step(steps);
    }
}
template <class Run, class Optimizer>
void update(Run& run, Optimizer& optimizer) {
    update(run, optimizer, optimizer);
}

/// The same with a closure that computes gradients and returns the loss: once before the step, or, where the optimizer
/// steps by a closure, whenever that asks.
template <class Run, class Optimizer, class Closure>
void update_by(Run& run, Optimizer& optimizer, Closure& closure) {
    if constexpr (StepsByClosure<Optimizer>) {
        static_assert(std::convertible_to<std::invoke_result_t<Closure&>, at::Tensor>,
                      "lit: this optimizer steps by a closure (torch::optim::LBFGS), which has to return the loss, an "
                      "at::Tensor.");
        ClosureStep<Optimizer, Closure> steps{optimizer, closure};
        update(run, optimizer, steps);
    } else {
        static_cast<void>(closure());
        update(run, optimizer);
    }
}

/// One step of an optimizer that is stepped by hand.
template <class Run, class Optimizer>
void manual_step(Run& run, Optimizer& optimizer) {
    call_all<hooks::on_before_optimizer_step>(run, optimizer);
    Progress& progress = run.state().progress.manual_step;
    progress.increment_ready();
    update(run, optimizer);
    progress.increment_completed();
}
/// The same of one that steps by a closure: the hook comes behind each of its gradients.
template <class Run, class Optimizer, class Closure>
void manual_step(Run& run, Optimizer& optimizer, Closure& closure) {
    const auto told = [&] {
        at::Tensor loss = closure();
        call_all<hooks::on_before_optimizer_step>(run, optimizer);
        return loss;
    };
    Progress& progress = run.state().progress.manual_step;
    progress.increment_ready();
    update_by(run, optimizer, told);
    progress.increment_completed();
}

}  // namespace lit::detail
