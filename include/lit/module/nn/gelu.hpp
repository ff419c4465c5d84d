// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/elementwise.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace lit::nn {

/// x times the normal distribution's share below x, of any shape. Its gradient needs x, so it is never computed in place.
///
/// Source  `torch.nn.GELU()`: the exact one, with erf.
struct GELU {
    template <class Input>
    using output = Input;

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(torch::nn::Module& /*owner*/) {}
        [[nodiscard]] static at::Tensor forward(const at::Tensor& x) { return at::gelu(x); }
        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = y_.like(x);
            at::gelu_out(y, x);
            return y;
        }
        static void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            at::gelu_backward_out(*dx, dy, x);
        }
        static at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& dy) { return dy; }

        static constexpr bool in_place = false;
        static void own(const float* x, float* y, std::int64_t batch) {
            detail::map<detail::GeluKernel>(batch * Input::numel, x, y);
        }
        static void own_back(const float* x, const float* /*y*/, const float* dy, float* dx,
                             std::int64_t batch) {
            detail::zip<detail::GeluBackKernel>(batch * Input::numel, x, dy, dx);
        }

     private:
        detail::Buffer y_;
    };
};

}  // namespace lit::nn
