// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/elementwise.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sigmoid_backward.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/threshold_backward.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace lit::nn {

namespace detail {

/// An activation of single numbers that can be computed in place, and whose gradient needs the output alone.
template <class Rule>
struct Elementwise {
    template <class Input>
    using output = Input;

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = false;

        explicit State(torch::nn::Module& /*owner*/) {}
        [[nodiscard]] static at::Tensor forward(const at::Tensor& x) { return Rule::apply(x); }
        at::Tensor& run(at::Tensor& x) {
            Rule::into(x, x);
            return x;
        }
        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = y_.like(x);
            Rule::into(y, x);
            return y;
        }
        static void back(const at::Tensor& /*x*/, const at::Tensor& y, at::Tensor& dy, at::Tensor* dx) {
            Rule::back_into(*dx, dy, y);
        }
        static at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& dy) { return dy; }

        static constexpr bool in_place = true;
        static void own(const float* x, float* y, std::int64_t batch) {
            map<typename Rule::Own>(batch * Input::numel, x, y);
        }
        static void own_back(const float* /*x*/, const float* y, float* dy, float* /*dx*/,
                             std::int64_t batch) {
            zip<typename Rule::OwnBack>(batch * Input::numel, y, dy, dy);
        }

     private:
        Buffer y_;
    };
};

struct ReLURule {
    static at::Tensor apply(const at::Tensor& x) { return at::relu(x); }
    static void into(at::Tensor& y, const at::Tensor& x) { at::clamp_min_out(y, x, 0); }
    static void back_into(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& y) {
        at::threshold_backward_out(dx, dy, y, 0);
    }
    using Own = ReluKernel;
    using OwnBack = ReluBackKernel;
};
struct TanhRule {
    static at::Tensor apply(const at::Tensor& x) { return at::tanh(x); }
    static void into(at::Tensor& y, const at::Tensor& x) { at::tanh_out(y, x); }
    static void back_into(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& y) {
        at::tanh_backward_out(dx, dy, y);
    }
    using Own = TanhKernel;
    using OwnBack = TanhBackKernel;
};
struct SigmoidRule {
    static at::Tensor apply(const at::Tensor& x) { return at::sigmoid(x); }
    static void into(at::Tensor& y, const at::Tensor& x) { at::sigmoid_out(y, x); }
    static void back_into(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& y) {
        at::sigmoid_backward_out(dx, dy, y);
    }
    using Own = SigmoidKernel;
    using OwnBack = SigmoidBackKernel;
};

}  // namespace detail

/// max(x, 0), of any shape. Source  `torch.nn.ReLU`.
struct ReLU : detail::Elementwise<detail::ReLURule> {};
/// Of any shape. Source  `torch.nn.Tanh`.
struct Tanh : detail::Elementwise<detail::TanhRule> {};
/// Of any shape. Source  `torch.nn.Sigmoid`.
struct Sigmoid : detail::Elementwise<detail::SigmoidRule> {};

}  // namespace lit::nn
