// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/layer_norm.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

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
/// Cost    y and the gradients are allocated in each step, without OwnKernels: ATen has none into given buffers that would not copy.
/// Source  `torch.nn.LayerNorm` with its defaults (eps 1e-5).
template <std::int64_t... Sizes>
struct LayerNorm {
    static_assert(sizeof...(Sizes) > 0,
                  "lit: a LayerNorm needs the sizes that it normalises: LayerNorm<64>.");
    static_assert(((Sizes > 0) && ...), "lit: the sizes of a LayerNorm have to be positive.");

    template <class Input>
    using output = std::conditional_t<detail::ends_with<Input, Shape<Sizes...>>(), Input, void>;

    static torch::nn::LayerNorm make() {
        return torch::nn::LayerNorm(torch::nn::LayerNormOptions({Sizes...}));
    }

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(const torch::nn::LayerNorm& made)
            : parameters_(made->weight, made->bias), eps_(made->options.eps()) {}
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::layer_norm(x, sizes, parameters_.weight, parameters_.bias, eps_);
        }

        at::Tensor& run(const at::Tensor& x) {
            y_.reset();  // before the next one is allocated, which then gets the same memory
            // The variants with `out`, of this and of the gradients, compute into tensors of their own, and copy.
            std::tie(y_, mean_, inverse_std_) =
                at::native_layer_norm(x, sizes, parameters_.weight, parameters_.bias, eps_);
            return y_;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            parameters_.back(dx, [&](std::array<bool, 3> asked) {
                return at::native_layer_norm_backward(dy, x, sizes, mean_, inverse_std_, parameters_.weight,
                                                      parameters_.bias, asked);
            });
        }
        /// Undefined until back() has computed it.
        at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

        static constexpr bool in_place = false;
        void own(const float* x, float* y, std::int64_t batch) {
            moments_.resize(static_cast<std::size_t>(batch * rows));
            detail::layer_norm<width>(batch * rows, x, floats_of_weight_.of(parameters_.weight),
                                      floats_of_bias_.of(parameters_.bias), static_cast<float>(eps_), y,
                                      moments_.data());
        }
        void own_back(const float* x, const float* /*y*/, const float* dy, float* dx, std::int64_t batch) {
            by_weight_.resize(width);
            by_bias_.resize(width);
            detail::layer_norm_back<width>(batch * rows, x, floats_of_weight_.of(parameters_.weight),
                                           moments_.data(), dy, dx, by_weight_.data(), by_bias_.data());
            parameters_.write_weight([&](float* grad) { std::ranges::copy(by_weight_, grad); });
            parameters_.write_bias([&](float* grad) { std::ranges::copy(by_bias_, grad); });
        }

     private:
        static constexpr std::array<std::int64_t, sizeof...(Sizes)> sizes{Sizes...};
        static constexpr std::int64_t width = (std::int64_t{1} * ... * Sizes);
        static constexpr std::int64_t rows = Input::numel / width;  ///< of a sample

        detail::WeightAndBias parameters_;
        double eps_;
        at::Tensor y_, mean_, inverse_std_, dx_;
        detail::Floats floats_of_weight_, floats_of_bias_;
        std::vector<detail::Moments> moments_;  ///< of own()
        std::vector<float> by_weight_, by_bias_;
    };
};

}  // namespace lit::nn
