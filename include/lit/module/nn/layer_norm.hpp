// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit::nn {

namespace detail {

/// Whether the last sizes of a shape are these.
template <class Input, class Last>
consteval bool ends_with() {
    constexpr std::size_t given = Input::sizes.size();
    constexpr std::size_t last = Last::sizes.size();
    if constexpr (given < last) {
        return false;
    } else {
        return std::equal(Last::sizes.begin(), Last::sizes.end(), Input::sizes.begin() + (given - last));
    }
}

}  // namespace detail

/// The numbers of the last sizes of a sample less their mean, over their standard deviation; then y = x weight + bias.
/// `LayerNorm<64>`.
///
/// Shapes  x and y [batch, ..., Sizes...]; weight and bias [Sizes...].
/// Cost    y and the gradients are allocated in each step: ATen has none into given buffers that would not copy.
/// Source  `torch.nn.LayerNorm` with its defaults (eps 1e-5).
template <std::int64_t... Sizes>
struct LayerNorm {
    static_assert(sizeof...(Sizes) > 0,
                  "lit: a LayerNorm needs the sizes that it normalises: LayerNorm<64>.");
    static_assert(((Sizes > 0) && ...), "lit: the sizes of a LayerNorm have to be positive.");

    template <class Input>
    using output = std::conditional_t<detail::ends_with<Input, Shape<Sizes...>>(), Input, void>;

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(torch::nn::Module& owner) {
            const torch::nn::LayerNorm made(torch::nn::LayerNormOptions({Sizes...}));
            eps_ = made->options.eps();
            weight_ = owner.register_parameter("weight", made->weight.detach());
            bias_ = owner.register_parameter("bias", made->bias.detach());
        }
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::layer_norm(x, sizes, weight_, bias_, eps_);
        }

        at::Tensor& run(const at::Tensor& x) {
            // The variants with `out`, of this and of the gradients, compute into tensors of their own, and copy.
            std::tie(y_, mean_, inverse_std_) = at::native_layer_norm(x, sizes, weight_, bias_, eps_);
            return y_;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            const std::array<bool, 3> asked{dx != nullptr, weight_.requires_grad(), bias_.requires_grad()};
            if (asked == std::array<bool, 3>{}) {
                return;
            }
            auto by =
                at::native_layer_norm_backward(dy, x, sizes, mean_, inverse_std_, weight_, bias_, asked);
            if (asked[0]) {
                *dx = std::move(std::get<0>(by));
            }
            if (asked[1]) {
                of_weight_.write(weight_, [&](at::Tensor& grad) { grad = std::get<1>(by); });
            }
            if (asked[2]) {
                of_bias_.write(bias_, [&](at::Tensor& grad) { grad = std::get<2>(by); });
            }
        }
        /// Undefined until back() has computed it.
        at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

     private:
        static constexpr std::array<std::int64_t, sizeof...(Sizes)> sizes{Sizes...};

        double eps_;
        at::Tensor weight_, bias_, y_, mean_, inverse_std_, dx_;
        detail::Gradient of_weight_, of_bias_;
    };
};

}  // namespace lit::nn
