// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace lit::nn {

/// All numbers of a sample in a row: a view, so that nothing is copied.
///
/// Shapes  x [batch, Sizes...], y [batch, product of Sizes].
/// Source  `torch.nn.Flatten`.
struct Flatten {
    template <class Input>
    using output = Shape<Input::numel>;

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = false;  // it is the input's memory

        explicit State(torch::nn::Module& /*owner*/) {}
        [[nodiscard]] static at::Tensor forward(const at::Tensor& x) { return x.flatten(1); }
        at::Tensor& run(const at::Tensor& x) {
            y_ = x.view({x.size(0), Input::numel});
            return y_;
        }
        static void back(const at::Tensor& /*x*/, const at::Tensor& /*y*/, at::Tensor& /*dy*/,
                         at::Tensor* /*dx*/) {}
        at::Tensor& gradient_of_input(const at::Tensor& x, at::Tensor& dy) {
            dx_ = dy.view(x.sizes());
            return dx_;
        }

        static constexpr bool in_place = true;
        static constexpr bool looks = true;
        static void own(const float* /*x*/, float* /*y*/, std::int64_t /*batch*/) {}
        static void own_back(const float* /*x*/, const float* /*y*/, float* /*dy*/, float* /*dx*/,
                             std::int64_t /*batch*/) {}

     private:
        at::Tensor y_, dx_;
    };
};

}  // namespace lit::nn
