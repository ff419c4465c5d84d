// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/loops/update.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// An optimizer as a module that optimizes by hand, or overrides `optimizer_step`, sees it: its steps are counted and
/// go through the precision and the hooks.
///
/// Source  Lightning `LightningOptimizer`.
template <class Run, class Optimizer>
class ManagedOptimizer {
 public:
    ManagedOptimizer(Run& run, Optimizer& optimizer) : run_(&run), optimizer_(&optimizer) {}

    /// Manual optimization: one step. Counts as a global step, and in `steps`.
    void step() {
        static_assert(!automatic_optimization<typename Run::module_type>,
                      "lit: an optimizer is stepped by hand in automatic optimization, which steps it too. Write static "
                      "constexpr bool automatic_optimization = false; in the module, or leave the step to the trainer.");
        detail::manual_step(*run_, *optimizer_);
        ++steps_;
    }
    /// The same, of gradients that the closure computes. It is called once; an optimizer that steps by a closure (LBFGS)
    /// calls it as often as it likes, and it returns the loss.
    template <std::invocable Closure>
    void step(Closure&& closure) {
        if constexpr (StepsByClosure<Optimizer>) {
            detail::manual_step(*run_, *optimizer_, closure);
            ++steps_;
        } else {
            static_cast<void>(closure());
            step();
        }
    }
    /// Steps of this optimizer alone, in this run; `global_step` counts those of all together.
    [[nodiscard]] std::int64_t steps() const { return steps_; }
    void zero_grad(bool set_to_none = true) { optimizer_->zero_grad(set_to_none); }
    [[nodiscard]] Optimizer& optimizer() { return *optimizer_; }

 private:
    Run* run_;
    Optimizer* optimizer_;
    std::int64_t steps_ = 0;
};

namespace detail {

template <class O>
auto& raw_optimizer(O& optimizer) {
    if constexpr (requires { optimizer.optimizer(); }) {
        return optimizer.optimizer();
    } else {
        return optimizer;
    }
}

/// The handles of a run's optimizers: one handle, a tuple, or a vector where a vector was returned.
template <class Run, class Configured>
struct HandlesOf {
    template <std::size_t I>
    using handle_t =
        ManagedOptimizer<Run, std::remove_reference_t<decltype(std::declval<Configured&>().template optimizer<I>())>>;

    static auto make(Run& run, Configured& configured) {
        if constexpr (!Configured::is_static) {
            using Optimizer = std::remove_reference_t<decltype(configured.optimizer(0))>;
            std::vector<ManagedOptimizer<Run, Optimizer>> handles;
            configured.for_each_optimizer([&](auto, auto& optimizer) { handles.emplace_back(run, optimizer); });
            return handles;
        } else if constexpr (Configured::static_count == 1) {
            return handle_t<0>(run, configured.template optimizer<0>());
        } else {
            return [&]<std::size_t... I>(std::index_sequence<I...>) {
                return std::tuple<handle_t<I>...>(handle_t<I>(run, configured.template optimizer<I>())...);
            }(std::make_index_sequence<Configured::static_count>{});
        }
    }
    using type = decltype(make(std::declval<Run&>(), std::declval<Configured&>()));
};

/// Switches `requires_grad` off for the parameters of all optimizers but one, and back to what it was.
class OptimizerToggle {
 public:
    template <class Run, class Optimizer>
    void toggle(Run& run, Optimizer& chosen) {
        untoggle();
        run.for_each_optimizer([&](auto, auto& optimizer) {
            for (const at::Tensor& parameter : parameters_of(optimizer)) {
                if (std::ranges::any_of(flags_, [&](const auto& flag) { return flag.first.is_same(parameter); })) {
                    continue;  // shared with an optimizer before
                }
                flags_.emplace_back(parameter, parameter.requires_grad());
                parameter.set_requires_grad(false);
            }
        });
        for (const at::Tensor& parameter : parameters_of(chosen)) {
            for (const auto& [known, flag] : flags_) {
                if (known.is_same(parameter)) {
                    parameter.set_requires_grad(flag);
                }
            }
        }
    }
    void untoggle() {
        for (const auto& [parameter, flag] : flags_) {
            parameter.set_requires_grad(flag);
        }
        flags_.clear();
    }

 private:
    std::vector<std::pair<at::Tensor, bool>> flags_;
};

/// Untoggles at its end.
class ToggledScope {
 public:
    explicit ToggledScope(OptimizerToggle& toggle) : toggle_(toggle) {}
    ToggledScope(const ToggledScope&) = delete;
    ToggledScope& operator=(const ToggledScope&) = delete;
    ~ToggledScope() { toggle_.untoggle(); }

 private:
    OptimizerToggle& toggle_;
};

}  // namespace detail
}  // namespace lit
