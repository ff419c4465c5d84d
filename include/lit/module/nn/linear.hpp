// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/products.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/nn/modules/linear.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

namespace lit::nn {

/// y = x W' + b. `Linear<784, 64>`.
///
/// Shapes  x [batch, In], y [batch, Out], weight [Out, In], bias [Out].
/// Source  `torch.nn.Linear`: its initialisation, its names, its arithmetic.
template <std::int64_t In, std::int64_t Out, bool Bias = true>
struct Linear {
    static_assert(In > 0 && Out > 0, "lit: the sizes of a Linear have to be positive.");

    using input = Shape<In>;
    template <class Input>
    using output = std::conditional_t<std::is_same_v<Input, Shape<In>>, Shape<Out>, void>;

    static torch::nn::Linear make() {
        return torch::nn::Linear(torch::nn::LinearOptions(In, Out).bias(Bias));
    }

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(const torch::nn::Linear& made) : weight_(made->weight), bias_(made->bias) {}
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::linear(x, weight_, bias_opt());
        }

        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = y_.sized({x.size(0), Out}, x);
            if constexpr (Bias) {
                at::addmm_out(y, bias_, x, weight_t_.of(weight_));
            } else {
                at::mm_out(y, x, weight_t_.of(weight_));
            }
            return y;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            if (weight_.requires_grad()) {
                of_weight_.write(weight_, [&](at::Tensor& grad) { at::mm_out(grad, dy_t_.of(dy), x); });
            }
            if constexpr (Bias) {
                if (bias_.requires_grad()) {
                    of_bias_.write(bias_, [&](at::Tensor& grad) { at::sum_out(grad, dy, 0); });
                }
            }
            if (dx != nullptr) {
                at::mm_out(*dx, dy, weight_);
            }
        }
        /// Where the gradient of the input may be written; another than that of the output, which is still being read.
        at::Tensor& gradient_of_input(const at::Tensor& x, at::Tensor& /*dy*/) { return dx_.like(x); }

        static constexpr bool in_place = false;
        void own(const float* x, float* y, std::int64_t batch) {
            const float* weight = floats_of_weight_.of(weight_);
            const float* bias = Bias ? floats_of_bias_.of(bias_) : nullptr;
            if constexpr (In >= detail::long_row) {
                detail::dots<In, Out>(batch, x, weight, bias, y);
            } else {
                columns_.resize(In * Out);
                for (std::int64_t o = 0; o < Out; ++o) {
                    for (std::int64_t i = 0; i < In; ++i) {
                        columns_[static_cast<std::size_t>(i * Out + o)] = weight[o * In + i];
                    }
                }
                detail::product<Out>(batch, In, {x, In, 1}, columns_.data(), bias, y);
            }
        }
        void own_back(const float* x, const float* /*y*/, const float* dy, float* dx, std::int64_t batch) {
            if (weight_.requires_grad()) {
                of_weight_.write(weight_, [&](at::Tensor& grad) {
                    detail::product<In>(Out, batch, {dy, 1, Out}, x, nullptr, grad.mutable_data_ptr<float>());
                });
            }
            if constexpr (Bias) {
                if (bias_.requires_grad()) {
                    of_bias_.write(bias_, [&](at::Tensor& grad) {
                        constexpr float one = 1.0F;
                        detail::product<Out>(1, batch, {&one, 0, 0}, dy, nullptr,
                                             grad.mutable_data_ptr<float>());
                    });
                }
            }
            if (dx != nullptr) {
                detail::product<In>(batch, Out, {dy, Out, 1}, floats_of_weight_.of(weight_), nullptr, dx);
            }
        }

     private:
        [[nodiscard]] std::optional<at::Tensor> bias_opt() const {
            return Bias ? std::optional<at::Tensor>(bias_) : std::nullopt;
        }

        at::Tensor weight_, bias_;
        detail::Transposed weight_t_, dy_t_;
        detail::Buffer y_, dx_;
        detail::Gradient of_weight_, of_bias_;
        detail::Floats floats_of_weight_, floats_of_bias_;
        std::vector<float> columns_;  ///< the weight, transposed for own()
    };
};

}  // namespace lit::nn
