// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <optional>
#include <type_traits>

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

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(torch::nn::Module& owner) {
            // LibTorch's own, for its way of drawing the first weights.
            const torch::nn::Linear made(torch::nn::LinearOptions(In, Out).bias(Bias));
            weight_ = owner.register_parameter("weight", made->weight.detach());
            if constexpr (Bias) {
                bias_ = owner.register_parameter("bias", made->bias.detach());
            }
        }
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::linear(x, weight_, bias_opt());
        }

        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = y_.sized({x.size(0), Out}, x);
            if constexpr (Bias) {
                at::addmm_out(y, bias_, x, transposed());
            } else {
                at::mm_out(y, x, transposed());
            }
            return y;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            if (weight_.requires_grad()) {
                of_weight_.write(weight_, [&](at::Tensor& grad) { at::mm_out(grad, dy.t(), x); });
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

     private:
        [[nodiscard]] std::optional<at::Tensor> bias_opt() const {
            return Bias ? std::optional<at::Tensor>(bias_) : std::nullopt;
        }
        // The weight may be moved to another device, or be given other storage.
        at::Tensor& transposed() {
            if (!transposed_.defined() || transposed_.const_data_ptr() != weight_.const_data_ptr()) {
                transposed_ = weight_.detach().t();
            }
            return transposed_;
        }

        at::Tensor weight_, bias_, transposed_;
        detail::Buffer y_, dx_;
        detail::Gradient of_weight_, of_bias_;
    };
};

}  // namespace lit::nn
