// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

template <class O>
concept StepsParameters = requires(O o) {
    o.step();
};
/// One whose step computes the gradients itself, as often as it likes, by a closure that returns the loss: LBFGS.
template <class O>
concept StepsByClosure = !StepsParameters<O> && requires(O o, at::Tensor (*closure)()) {
    o.step(closure);
};
template <class O>
concept ZeroesGradients = requires(O o) {
    o.zero_grad(true);
};

/// Changes parameters by their gradients.
///
/// step()             one update of every parameter that has a gradient; the others stay as they are,
///                    counters too.
/// step(closure)      in place of it: the same for as many gradients as it asks the closure for.
/// zero_grad(bool)    drops the gradients, or fills them with zeros when told `false`.
/// Everything else (learning rates, state, parameters) goes through the free functions below, which also
/// serve LibTorch's optimizers once `lit/optim/torch_optimizer.hpp` is included.
/// Models             SGD, Adam, AdamW, NullOptimizer, every class derived from `torch::optim::Optimizer`.
template <class O>
concept OptimizerPolicy = std::movable<O> && (StepsParameters<O> || StepsByClosure<O>) && ZeroesGradients<O>;

/// How the free functions reach into an optimizer. The primary template asks the optimizer's own members;
/// specialise it for an optimizer that is not yours to change.
template <class O>
struct OptimizerAccess {
    static std::size_t group_count(const O& o) { return o.group_count(); }
    static double learning_rate(const O& o, std::size_t group) { return o.learning_rate(group); }
    static void set_learning_rate(O& o, std::size_t group, double lr) { o.set_learning_rate(group, lr); }
    static double initial_learning_rate(const O& o, std::size_t group) {
        return o.initial_learning_rate(group);
    }
    static void record_initial_learning_rate(O& o, std::size_t group) {
        o.record_initial_learning_rate(group);
    }
    static double momentum_of(const O& o, std::size_t group) { return o.momentum(group); }
    static double weight_decay_of(const O& o, std::size_t group) { return o.weight_decay(group); }
    static std::string group_name(const O& o, std::size_t group) { return std::string(o.group_name(group)); }
    static std::span<const at::Tensor> parameters_of(const O& o, std::size_t group) {
        return o.parameters(group);
    }
    static void add_param_group(O& o, std::vector<at::Tensor> params, std::optional<double> lr) {
        static_assert(
            requires { o.add_param_group(std::move(params), lr); },
            "lit: this optimizer takes no further parameters. Expected a member add_param_group(std::vector<at::Tensor> "
            "params, std::optional<double> lr).");
        o.add_param_group(std::move(params), lr);
    }
    static std::string optimizer_name(const O& o) { return std::string(o.name()); }
    static Value optimizer_state(const O& o) { return o.state_dict(); }
    static void load_optimizer_state(O& o, const Value& state) { o.load_state_dict(state); }
};

/// Whether an optimizer has a place for the rates that it had when the first scheduler was attached; LibTorch's have none.
template <class O>
inline constexpr bool keeps_initial_learning_rate = [] {
    if constexpr (requires { OptimizerAccess<O>::keeps_initial_learning_rate; }) {
        return OptimizerAccess<O>::keeps_initial_learning_rate;
    } else if constexpr (requires { O::keeps_initial_learning_rate; }) {
        return O::keeps_initial_learning_rate;
    } else {
        return true;
    }
}();

template <OptimizerPolicy O>
[[nodiscard]] std::size_t group_count(const O& optimizer) {
    return OptimizerAccess<O>::group_count(optimizer);
}

template <OptimizerPolicy O>
[[nodiscard]] double learning_rate(const O& optimizer, std::size_t group = 0) {
    return OptimizerAccess<O>::learning_rate(optimizer, group);
}

/// Those of all groups.
template <OptimizerPolicy O>
[[nodiscard]] std::vector<double> learning_rates(const O& optimizer) {
    std::vector<double> rates(group_count(optimizer));
    for (std::size_t group = 0; group < rates.size(); ++group) {
        rates[group] = learning_rate(optimizer, group);
    }
    return rates;
}

template <OptimizerPolicy O>
void set_learning_rate(O& optimizer, std::size_t group, double lr) {
    OptimizerAccess<O>::set_learning_rate(optimizer, group, lr);
}

/// The rate that the group had when a scheduler was attached (Python's `initial_lr`); the present one before
/// that.
template <OptimizerPolicy O>
[[nodiscard]] double initial_learning_rate(const O& optimizer, std::size_t group = 0) {
    return OptimizerAccess<O>::initial_learning_rate(optimizer, group);
}

/// Keeps the present rate as `initial_lr`, unless one is kept already. Schedulers call this.
template <OptimizerPolicy O>
void record_initial_learning_rate(O& optimizer, std::size_t group) {
    OptimizerAccess<O>::record_initial_learning_rate(optimizer, group);
}

/// `momentum`, or the first of `betas`; 0 where the optimizer has neither.
template <OptimizerPolicy O>
[[nodiscard]] double momentum_of(const O& optimizer, std::size_t group = 0) {
    return OptimizerAccess<O>::momentum_of(optimizer, group);
}

template <OptimizerPolicy O>
[[nodiscard]] double weight_decay_of(const O& optimizer, std::size_t group = 0) {
    return OptimizerAccess<O>::weight_decay_of(optimizer, group);
}

/// The name that the user gave the group; empty when none was given.
template <OptimizerPolicy O>
[[nodiscard]] std::string group_name(const O& optimizer, std::size_t group = 0) {
    return OptimizerAccess<O>::group_name(optimizer, group);
}

template <OptimizerPolicy O>
[[nodiscard]] std::span<const at::Tensor> parameters_of(const O& optimizer, std::size_t group) {
    return OptimizerAccess<O>::parameters_of(optimizer, group);
}

namespace detail {
LIT_INLINE void append(std::vector<at::Tensor>& all, std::span<const at::Tensor> some);
}

/// All parameters, group after group: the order of Python's state indices.
template <OptimizerPolicy O>
[[nodiscard]] std::vector<at::Tensor> parameters_of(const O& optimizer) {
    std::vector<at::Tensor> all;
    for (std::size_t group = 0; group < group_count(optimizer); ++group) {
        detail::append(all, parameters_of(optimizer, group));
    }
    return all;
}

/// One more parameter group, also while training: with the settings that the optimizer was made with, but for `lr`.
///
/// Errors  ConfigError for a parameter that is in a group, or that the optimizer's constructor would refuse.
/// Source  `torch.optim.Optimizer.add_param_group({"params": params, "lr": lr})`.
template <OptimizerPolicy O>
void add_param_group(O& optimizer, std::vector<at::Tensor> params, std::optional<double> lr = std::nullopt) {
    OptimizerAccess<O>::add_param_group(optimizer, std::move(params), lr);
}

/// The name of the class as Python prints it.
template <OptimizerPolicy O>
[[nodiscard]] std::string optimizer_name(const O& optimizer) {
    return OptimizerAccess<O>::optimizer_name(optimizer);
}

/// What `Optimizer.state_dict()` of Python returns: the same keys in the same order, tensors shared, not
/// copied.
template <OptimizerPolicy O>
[[nodiscard]] Value optimizer_state(const O& optimizer) {
    return OptimizerAccess<O>::optimizer_state(optimizer);
}

/// Takes up a state that lit or Python wrote; tensors are copied to their parameter's device, type and
/// layout.
///
/// Errors  CheckpointError that names the group and the parameter which do not fit; the optimizer is
///         unchanged then.
template <OptimizerPolicy O>
void load_optimizer_state(O& optimizer, const Value& state) {
    OptimizerAccess<O>::load_optimizer_state(optimizer, state);
}

/// An optimizer without parameters: the null model, and what a fit without optimizers uses.
struct NullOptimizer {
    void step() const {}
    void zero_grad(bool /*set_to_none*/ = true) const {}

    [[nodiscard]] static constexpr std::size_t group_count() { return 0; }
    [[nodiscard]] static constexpr double learning_rate(std::size_t /*group*/) { return 0.0; }
    static constexpr void set_learning_rate(std::size_t /*group*/, double /*lr*/) {}
    [[nodiscard]] static constexpr double initial_learning_rate(std::size_t /*group*/) { return 0.0; }
    static constexpr void record_initial_learning_rate(std::size_t /*group*/) {}
    [[nodiscard]] static constexpr double momentum(std::size_t /*group*/) { return 0.0; }
    [[nodiscard]] static constexpr double weight_decay(std::size_t /*group*/) { return 0.0; }
    [[nodiscard]] static constexpr std::string_view group_name(std::size_t /*group*/) { return ""; }
    [[nodiscard]] static std::span<const at::Tensor> parameters(std::size_t /*group*/) { return {}; }
    [[nodiscard]] static constexpr std::string_view name() { return "NullOptimizer"; }
    [[nodiscard]] static Value state_dict() { return Dict{}; }
    static void load_state_dict(const Value& /*state*/) {}
};
static_assert(OptimizerPolicy<NullOptimizer>);
static_assert(std::is_empty_v<NullOptimizer>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/optimizer.hpp>
#endif
