// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <ATen/core/Tensor.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <concepts>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

/// How settings and state of LibTorch's own optimizers are spelt in Python's `state_dict`.
///
/// `settings(options, visit)` and `states(state, visit)` name the members in Python's order, for reading and
/// writing alike; a `Fixed` is a key that Python has and LibTorch has not, a `Needed` one that every state has.
namespace lit::detail {

struct Fixed {
    Value value;
    bool binding = false;  ///< whether LibTorch's steps would be others than Python's with another value
};
template <class Tensor>
struct Needed {
    Tensor& value;
};

template <class O>
struct TorchLayout;  // defined for the optimizers whose Python names are known

template <>
struct TorchLayout<torch::optim::SGD> {
    using Options = torch::optim::SGDOptions;
    using State = torch::optim::SGDParamState;
    static double momentum(const Options& o) { return o.momentum(); }
    static double weight_decay(const Options& o) { return o.weight_decay(); }
    static void settings(auto& o, auto&& visit) {
        visit("lr", o.lr());
        visit("momentum", o.momentum());
        visit("dampening", o.dampening());
        visit("weight_decay", o.weight_decay());
        visit("nesterov", o.nesterov());
        visit("maximize", Fixed{false, true});
        visit("foreach", Fixed{});
        visit("differentiable", Fixed{false});
        visit("fused", Fixed{});
    }
    static void states(auto& s, auto&& visit) { visit("momentum_buffer", s.momentum_buffer()); }
};

template <class OptionsType, class StateType, bool decoupled>
struct TorchAdamLayout {
    using Options = OptionsType;
    using State = StateType;
    static double momentum(const Options& o) { return std::get<0>(o.betas()); }
    static double weight_decay(const Options& o) { return o.weight_decay(); }
    static void settings(auto& o, auto&& visit) {
        visit("lr", o.lr());
        visit("betas", o.betas());
        visit("eps", o.eps());
        visit("weight_decay", o.weight_decay());
        visit("amsgrad", o.amsgrad());
        visit("maximize", Fixed{false, true});
        visit("foreach", Fixed{});
        visit("capturable", Fixed{false});
        visit("differentiable", Fixed{false});
        visit("fused", Fixed{});
        visit("decoupled_weight_decay", Fixed{decoupled, !decoupled});  // AdamW does not look at it
    }
    static void states(auto& s, auto&& visit) {
        visit("step", s.step());
        visit("exp_avg", Needed{s.exp_avg()});
        visit("exp_avg_sq", Needed{s.exp_avg_sq()});
        visit("max_exp_avg_sq", s.max_exp_avg_sq());
    }
};
template <>
struct TorchLayout<torch::optim::Adam>
    : TorchAdamLayout<torch::optim::AdamOptions, torch::optim::AdamParamState, false> {};
template <>
struct TorchLayout<torch::optim::AdamW>
    : TorchAdamLayout<torch::optim::AdamWOptions, torch::optim::AdamWParamState, true> {};

template <>
struct TorchLayout<torch::optim::RMSprop> {
    using Options = torch::optim::RMSpropOptions;
    using State = torch::optim::RMSpropParamState;
    static double momentum(const Options& o) { return o.momentum(); }
    static double weight_decay(const Options& o) { return o.weight_decay(); }
    static void settings(auto& o, auto&& visit) {
        visit("lr", o.lr());
        visit("momentum", o.momentum());
        visit("alpha", o.alpha());
        visit("eps", o.eps());
        visit("centered", o.centered());
        visit("weight_decay", o.weight_decay());
        visit("capturable", Fixed{false});
        visit("foreach", Fixed{});
        visit("maximize", Fixed{false, true});
        visit("differentiable", Fixed{false});
    }
    static void states(auto& s, auto&& visit) {
        visit("step", s.step());
        visit("square_avg", Needed{s.square_avg()});
        visit("momentum_buffer", s.momentum_buffer());
        visit("grad_avg", s.grad_avg());
    }
};

template <>
struct TorchLayout<torch::optim::Adagrad> {
    using Options = torch::optim::AdagradOptions;
    using State = torch::optim::AdagradParamState;
    static double momentum(const Options& /*o*/) { return 0.0; }
    static double weight_decay(const Options& o) { return o.weight_decay(); }
    static void settings(auto& o, auto&& visit) {
        visit("lr", o.lr());
        visit("lr_decay", o.lr_decay());
        visit("eps", o.eps());
        visit("weight_decay", o.weight_decay());
        visit("initial_accumulator_value", o.initial_accumulator_value());
        visit("foreach", Fixed{});
        visit("maximize", Fixed{false, true});
        visit("differentiable", Fixed{false});
        visit("fused", Fixed{});
    }
    static void states(auto& s, auto&& visit) {
        visit("step", s.step());
        visit("sum", Needed{s.sum()});
    }
};

/// An integer that is one in Python too: counts in a tensor have no mark.
template <class Int>
struct Whole {
    Int& value;
};
/// What is as long as all parameters together: one such tensor, or a list of them.
template <class Tensors>
struct Flat {
    Tensors& value;
};

/// Its state stands at the first parameter alone. `al` is left out: each step computes it anew.
template <>
struct TorchLayout<torch::optim::LBFGS> {
    using Options = torch::optim::LBFGSOptions;
    using State = torch::optim::LBFGSParamState;
    static double momentum(const Options& /*o*/) { return 0.0; }
    static double weight_decay(const Options& /*o*/) { return 0.0; }
    static void settings(auto& o, auto&& visit) {
        visit("lr", o.lr());
        visit("max_iter", Whole{o.max_iter()});
        std::int64_t most = o.max_eval().value_or(o.max_iter() * 5 / 4);  // as Python has it; a group of its own may have none
        visit("max_eval", Whole{most});
        if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) {
            o.max_eval(most);
        }
        visit("tolerance_grad", o.tolerance_grad());
        visit("tolerance_change", o.tolerance_change());
        visit("history_size", Whole{o.history_size()});
        visit("line_search_fn", o.line_search_fn());
    }
    static void states(auto& s, auto&& visit) {
        visit("func_evals", Whole{s.func_evals()});
        visit("n_iter", Whole{s.n_iter()});
        visit("d", Flat{s.d()});
        visit("t", s.t());
        visit("old_dirs", Flat{s.old_dirs()});
        visit("old_stps", Flat{s.old_stps()});
        visit("ro", Flat{s.ro()});
        visit("H_diag", Flat{s.H_diag()});
        visit("prev_flat_grad", Flat{s.prev_flat_grad()});
        visit("prev_loss", s.prev_loss());
    }
};

/// Writes what a layout visits into a dict.
struct LayoutWriter {
    Dict& target;
    void operator()(std::string_view key, const Fixed& fixed) const { target.set(key, fixed.value); }
    void operator()(std::string_view key, const std::tuple<double, double>& pair) const;
    void operator()(std::string_view key, const at::Tensor& tensor) const;
    void operator()(std::string_view key, const Needed<const at::Tensor>& tensor) const { (*this)(key, tensor.value); }
    void operator()(std::string_view key, const std::int64_t& step) const;
    template <class Int>
    void operator()(std::string_view key, const Whole<Int>& number) const {
        target.set(key, number.value);
    }
    void operator()(std::string_view key, const Flat<const at::Tensor>& tensor) const { (*this)(key, tensor.value); }
    void operator()(std::string_view key, const Flat<const std::deque<at::Tensor>>& tensors) const;
    void operator()(std::string_view key, const std::optional<std::string>& text) const;
    void operator()(std::string_view key, const std::same_as<double> auto& number) const {
        target.set(key, number);
    }
    void operator()(std::string_view key, const std::same_as<bool> auto& flag) const {
        target.set(key, flag);
    }
};

/// Reads what a layout visits from a dict; a key that is missing leaves its target alone.
/// Errors  CheckpointError for a `Needed` key that is missing, and for another value of a `Fixed` one that LibTorch cannot follow.
struct LayoutReader {
    const Dict& source;
    const at::Tensor* param = nullptr;  ///< whose layout the tensors take

    void operator()(std::string_view key, const Fixed& fixed) const;
    void operator()(std::string_view key, std::tuple<double, double>& pair) const;
    void operator()(std::string_view key, at::Tensor& tensor) const;
    void operator()(std::string_view key, const Needed<at::Tensor>& tensor) const;
    void operator()(std::string_view key, std::int64_t& step) const;
    void operator()(std::string_view key, const Whole<std::int64_t>& number) const;
    void operator()(std::string_view key, const Flat<at::Tensor>& tensor) const;
    void operator()(std::string_view key, const Flat<std::deque<at::Tensor>>& tensors) const;
    void operator()(std::string_view key, std::optional<std::string>& text) const;
    void operator()(std::string_view key, std::same_as<double> auto& number) const {
        take(source, key, number);
    }
    void operator()(std::string_view key, std::same_as<bool> auto& flag) const { take(source, key, flag); }

 private:
    [[nodiscard]] at::Tensor own(const at::Tensor& saved) const;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/torch_layout.hpp>
#endif
