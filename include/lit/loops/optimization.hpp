// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/loops/brings_gradients.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/managed_optimizer.hpp>
#include <lit/loops/update.hpp>
#include <lit/module/module.hpp>
#include <lit/strategies/strategy.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lit {

/// What `on_train_batch_end` is given of a step that returned a tensor.
struct StepOutput {
    at::Tensor loss;  ///< detached, and divided by `accumulate_grad_batches`; undefined when the step returned none
};

namespace detail {

/// The loss in what a step returned: a tensor, an optional of one, or a struct with a member `loss`.
template <class Returned>
at::Tensor loss_of(const Returned& returned) {
    if constexpr (std::convertible_to<const Returned&, at::Tensor>) {
        return returned;
    } else if constexpr (requires { returned.has_value(); }) {
        return returned.has_value() ? at::Tensor(*returned) : at::Tensor();
    } else if constexpr (requires { returned.loss; }) {
        return loss_of(returned.loss);
    } else {
        return {};
    }
}
template <class Returned>
concept ReturnsLoss = std::convertible_to<const Returned&, at::Tensor> ||
                      requires(const Returned& r) { { *r } -> std::convertible_to<at::Tensor>; } ||
                      requires(const Returned& r) { r.loss; };

/// What the batch's end hooks see of what the step returned.
template <class Returned>
struct OutputOf {
    using type = StepOutput;
};
template <class Returned>
    requires requires(Returned r) { r.loss; }
struct OutputOf<Returned> {
    using type = Returned;
};

/// An optimizer as `optimizer_step` sees it: `step(closure)` runs the closure, then the update.
template <class Run, class Optimizer>
class ClosureOptimizer {
 public:
    ClosureOptimizer(Run& run, Optimizer& optimizer) : run_(run), optimizer_(optimizer) {}
    template <class Closure>
    void step(Closure&& closure) {
        update_by(run_, optimizer_, closure);
    }
    [[nodiscard]] Optimizer& optimizer() { return optimizer_; }

 private:
    Run& run_;
    Optimizer& optimizer_;
};

/// One micro-batch of training: the step, its gradients and, at the end of a window, the update.
template <class Run>
class Optimization {
 public:
    using Module = typename Run::module_type;

    explicit Optimization(Run& run) : run_(run) {}

    template <class Batch>
    using returned_t = decltype(call_module_hook<hooks::training_step>(
        std::declval<Run&>(), std::declval<Module&>(), std::declval<const Batch&>(), std::declval<std::int64_t&>()));

    /// Shapes  the loss is 0-dim.
    /// Errors  NonFiniteLoss under `detect_anomaly`; ConfigError when an overridden `optimizer_step` does not run the
    ///         closure.
    template <class Batch>
    auto run(const Batch& batch, std::int64_t batch_idx, std::int64_t window, bool accumulate) {
        using Returned = std::remove_cvref_t<returned_t<Batch>>;
        if constexpr (automatic_optimization<Module>) {
            return automatic<Returned>(batch, batch_idx, window, accumulate);
        } else {
            return manual<Returned>(batch, batch_idx);
        }
    }

 private:
    template <class Returned>
    using output_t = typename OutputOf<Returned>::type;

    template <class Batch>
    decltype(auto) step(const Batch& batch, std::int64_t batch_idx, bool synchronise) {
        if constexpr (BringsGradients<std::remove_cvref_t<returned_t<Batch>>> &&
                      AveragesGradients<std::remove_cvref_t<decltype(run_.strategy())>>) {
            run_.strategy().before_own_step(synchronise);
        } else {
            run_.strategy().before_forward(synchronise);
        }
        [[maybe_unused]] const auto scope = run_.precision().forward_scope(run_.device().type());
        return call_module<hooks::training_step>(run_, batch, batch_idx);
    }

    template <class Returned, class Batch>
    output_t<Returned> automatic(const Batch& batch, std::int64_t batch_idx, std::int64_t window, bool accumulate) {
        static_assert(ReturnsLoss<Returned>,
                      "lit: training_step has to return the loss in automatic optimization: an at::Tensor, an "
                      "std::optional of one, or a struct with a member loss. To optimize by hand, write static "
                      "constexpr bool automatic_optimization = false; in the module.");
        auto& optimizer = first_optimizer();
        constexpr bool by_closure = StepsByClosure<std::remove_reference_t<decltype(optimizer)>>;
        std::optional<output_t<Returned>> output;
        const bool gradients = !skips_backward(run_.components());
        // What an optimizer that steps by a closure is told of the loss.
        [[maybe_unused]] std::conditional_t<by_closure, at::Tensor, std::nullptr_t> shown{};
        const auto closure = [&] {
            Returned returned = step(batch, batch_idx, !accumulate && gradients);
            at::Tensor loss = loss_of(returned);
            [[maybe_unused]] const auto brings = brings_gradients(returned, window);
            output.emplace(keep_output<Batch>(std::move(returned), loss, batch, batch_idx, window));
            if (!loss.defined()) {
                warn_once_of_none();
            }
            if (batch_idx % window == 0 && gradients) {
                zero_gradients(optimizer, batch_idx);
            }
            if (loss.defined() && gradients) {
                check_finite(loss, batch_idx);
                run_.backward(window == 1 ? loss : loss / static_cast<double>(window), !accumulate, brings);
            }
            if constexpr (by_closure) {
                shown = loss_for_closure(loss, window);
            }
        };
        if (accumulate) {
            closure();
            return std::move(*output);
        }
        Progress& progress = run_.state().progress.optimizer_step;
        progress.increment_ready();
        const auto whole = [&] {
            closure();
            divide_by_real_size(optimizer, batch_idx % window + 1, window);
            call_all<hooks::on_before_optimizer_step>(run_, optimizer);
            clip(optimizer);
            if constexpr (by_closure) {
                return shown;
            }
        };
        if constexpr (module_listens<hooks::optimizer_step, Run, std::int64_t, std::int64_t,
                                     ClosureOptimizer<Run, std::remove_reference_t<decltype(optimizer)>>,
                                     decltype(whole)>) {
            ClosureOptimizer handle(run_, optimizer);
            call_module<hooks::optimizer_step>(run_, run_.current_epoch(), batch_idx, handle, whole);
            if (!output) {
                throw ConfigError("optimizer_step: the overridden hook did not run the closure, so no loss and no "
                                  "gradient was computed. Call optimizer.step(closure), or closure() yourself.");
            }
        } else {
            update_by(run_, optimizer, whole);
        }
        progress.increment_completed();
        return std::move(*output);
    }

    template <class Returned, class Batch>
    auto manual(const Batch& batch, std::int64_t batch_idx) {
        if constexpr (std::is_void_v<Returned>) {
            step(batch, batch_idx, true);
            return StepOutput{};
        } else {
            Returned returned = step(batch, batch_idx, true);
            const at::Tensor loss = loss_of(returned);
            return keep_output<Batch>(std::move(returned), loss, batch, batch_idx, 1);
        }
    }

    template <class Returned>
    static auto brings_gradients([[maybe_unused]] const Returned& returned, [[maybe_unused]] std::int64_t window) {
        if constexpr (BringsGradients<Returned>) {
            return [returned, window](double scale) { returned.backward(scale / static_cast<double>(window)); };
        } else {
            return nullptr;
        }
    }

    // Detaching costs a tensor: done only where somebody takes the outputs.
    template <class Batch, class Returned>
    output_t<Returned> keep_output(Returned&& returned, const at::Tensor& loss, const Batch& /*batch*/,
                                   std::int64_t /*batch_idx*/, std::int64_t window) {
        if constexpr (someone_takes<hooks::on_train_batch_end, 0, Run, typename Run::components_type,
                                    output_t<Returned>, const Batch, std::int64_t>) {
            at::Tensor shown;
            if (loss.defined()) {
                shown = window == 1 ? loss.detach() : loss.detach() / static_cast<double>(window);
            }
            if constexpr (std::same_as<output_t<Returned>, StepOutput>) {
                return {shown};
            } else {
                output_t<Returned> output = std::move(returned);
                output.loss = shown;
                return output;
            }
        } else if constexpr (std::same_as<output_t<Returned>, StepOutput>) {
            return {};
        } else {
            return std::move(returned);
        }
    }

    auto& first_optimizer() {
        using Configured = typename Run::configured_type;
        if constexpr (Configured::is_static) {
            static_assert(Configured::static_count == 1,
                          "lit: automatic optimization has exactly one optimizer. For several, write static constexpr "
                          "bool automatic_optimization = false; in the module and step them in training_step.");
            return run_.configured().template optimizer<0>();
        } else {
            if (run_.configured().optimizer_count() != 1) {
                throw ConfigError("configure_optimizers: found " + std::to_string(run_.configured().optimizer_count()) +
                                  " optimizers, automatic optimization has exactly one. Use manual optimization for "
                                  "several.");
            }
            return run_.configured().optimizer(0);
        }
    }

    template <class Optimizer>
    void zero_gradients(Optimizer& optimizer, std::int64_t batch_idx) {
        Progress& progress = run_.state().progress.optimizer_zero_grad;
        progress.increment_ready();
        call_all<hooks::on_before_zero_grad>(run_, optimizer);
        progress.increment_started();
        if constexpr (module_listens<hooks::optimizer_zero_grad, Run, std::int64_t, std::int64_t, Optimizer>) {
            call_module<hooks::optimizer_zero_grad>(run_, run_.current_epoch(), batch_idx, optimizer);
        } else {
            optimizer.zero_grad(true);
        }
        progress.increment_completed();
    }

    template <class Optimizer>
    void clip(Optimizer& optimizer) {
        std::optional<double> value;
        ClipAlgorithm algorithm = ClipAlgorithm::norm;
        for_each_component(run_.components(), [&](auto& component) {
            if constexpr (ClipsGradients<std::remove_reference_t<decltype(component)>>) {
                value = component.clip_val();
                algorithm = component.algorithm();
            }
        });
        if constexpr (module_listens<hooks::configure_gradient_clipping, Run, Optimizer, std::optional<double>,
                                     ClipAlgorithm>) {
            call_module<hooks::configure_gradient_clipping>(run_, optimizer, value, algorithm);
        } else {
            run_.clip_gradients(optimizer, value, algorithm);
        }
    }

    /// Each loss was divided by the window's nominal length; a component may want the mean over the real one.
    template <class Optimizer>
    void divide_by_real_size(Optimizer& optimizer, std::int64_t real, std::int64_t window) {
        for_each_component(run_.components(), [&](auto& component) {
            if constexpr (requires { component.divides_by_real_size(); }) {
                if (real < window && component.divides_by_real_size()) {
                    const at::NoGradGuard no_grad;
                    for (const at::Tensor& parameter : parameters_of(optimizer)) {
                        if (parameter.grad().defined()) {
                            parameter.mutable_grad().mul_(static_cast<double>(window) / static_cast<double>(real));
                        }
                    }
                }
            }
        });
    }

    void check_finite(const at::Tensor& loss, std::int64_t batch_idx) const {
        if (!run_.options().detect_anomaly) {
            return;
        }
        const double value = Number(loss).value();
        if (!std::isfinite(value)) {
            throw NonFiniteLoss("Trainer: the loss is " + std::to_string(value) + " at epoch " +
                                std::to_string(run_.current_epoch()) + ", batch " + std::to_string(batch_idx) +
                                ", global step " + std::to_string(run_.global_step()) +
                                " (detect_anomaly). Look at that batch, lower the learning rate, or clip gradients.");
        }
    }
    static at::Tensor loss_for_closure(const at::Tensor& loss, std::int64_t window) {
        if (!loss.defined()) {
            throw ConfigError("training_step returned no loss, but the optimizer steps by a closure (LBFGS) and needs "
                              "one each time. Return the loss, or leave the batch out in the loader.");
        }
        return window == 1 ? loss.detach() : loss.detach() / static_cast<double>(window);
    }
    void warn_once_of_none() {
        if (!warned_of_none_) {
            warned_of_none_ = true;
            run_.warn("training_step returned no loss: the batch is left out of the gradients.");
        }
    }

    Run& run_;
    bool warned_of_none_ = false;
};

}  // namespace detail
}  // namespace lit
