// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/convolution.hpp>
#include <lit/module/nn/detail/sliding.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <torch/nn/modules/conv.h>

#include <array>
#include <cstdint>
#include <optional>

namespace lit::nn {

namespace detail {

/// What a square kernel makes of a picture; void for another number of channels, and where the kernel is larger than the picture.
template <class Input, std::int64_t In, std::int64_t Out, std::int64_t Kernel, std::int64_t Stride,
          std::int64_t Padding>
struct Convolved {
    using type = void;
};
template <std::int64_t In, std::int64_t Height, std::int64_t Width, std::int64_t Out, std::int64_t Kernel,
          std::int64_t Stride, std::int64_t Padding>
struct Convolved<Shape<In, Height, Width>, In, Out, Kernel, Stride, Padding> {
    using type =
        pictures_t<Out, windows(Height, Kernel, Stride, Padding), windows(Width, Kernel, Stride, Padding)>;
};

}  // namespace detail

/// Slides `Out` square kernels over a picture with `In` channels: `Conv2d<1, 32, 3>`.
///
/// Shapes  x [batch, In, height, width], y [batch, Out, (height + 2 Padding - Kernel) / Stride + 1, the same of width],
///         weight [Out, In, Kernel, Kernel], bias [Out].
/// Cost    y and the gradients are allocated in each step, without OwnKernels: ATen has no convolution into a given buffer that would
///         not copy.
/// Source  `torch.nn.Conv2d`: its initialisation, its names, its arithmetic; without groups and dilation, padded with zeros.
template <std::int64_t In, std::int64_t Out, std::int64_t Kernel, std::int64_t Stride = 1,
          std::int64_t Padding = 0, bool Bias = true>
struct Conv2d {
    static_assert(In > 0 && Out > 0, "lit: the channels of a Conv2d have to be positive.");
    static_assert(Kernel > 0 && Stride > 0,
                  "lit: the kernel and the stride of a Conv2d have to be positive.");
    static_assert(Padding >= 0, "lit: the padding of a Conv2d cannot be negative.");

    template <class Input>
    using output = typename detail::Convolved<Input, In, Out, Kernel, Stride, Padding>::type;

    static torch::nn::Conv2d make() {
        return torch::nn::Conv2d(
            torch::nn::Conv2dOptions(In, Out, Kernel).stride(Stride).padding(Padding).bias(Bias));
    }

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = true;

        explicit State(const torch::nn::Conv2d& made) : parameters_(made->weight, made->bias) {}
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::conv2d(x, parameters_.weight, bias_opt(), stride, padding);
        }

        at::Tensor& run(const at::Tensor& x) {
            y_.reset();  // before the next one is allocated, which then gets the same memory
            // The variant with `out` computes into a tensor of its own, and copies. A weight in the order of channels_last, or a
            // grey picture that might as well be, has the convolution give its output in that order.
            y_ = at::convolution(x, parameters_.weight, bias_opt(), stride, padding, dilation, false,
                                 output_padding, 1)
                     .contiguous();
            return y_;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            at::OptionalIntArrayRef bias_sizes;
            if constexpr (Bias) {
                bias_sizes = parameters_.bias.sizes();
            }
            parameters_.back(dx, [&](std::array<bool, 3> asked) {
                return at::convolution_backward(dy, x, parameters_.weight, bias_sizes, stride, padding,
                                                dilation, false, output_padding, 1, asked);
            });
            if (dx != nullptr) {
                *dx = dx->contiguous();
            }
        }
        /// Undefined until back() has computed it.
        at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

        static constexpr bool in_place = false;
        void own(const float* x, float* y, std::int64_t batch) {
            own_.run(batch, x, floats_of_weight_.of(parameters_.weight),
                     Bias ? floats_of_bias_.of(parameters_.bias) : nullptr, y);
        }
        void own_back(const float* x, const float* /*y*/, const float* dy, float* dx, std::int64_t batch) {
            parameters_.write_weight([&](float* grad) { own_.gradient_of_weight(batch, x, dy, grad); });
            parameters_.write_bias([&](float* grad) { own_.gradient_of_bias(batch, dy, grad); });
            if (dx != nullptr) {
                own_.gradient_of_input(batch, floats_of_weight_.of(parameters_.weight), dy, dx);
            }
        }

     private:
        static constexpr std::array<std::int64_t, 2> stride{Stride, Stride};
        static constexpr std::array<std::int64_t, 2> padding{Padding, Padding};
        static constexpr std::array<std::int64_t, 2> dilation{1, 1};
        static constexpr std::array<std::int64_t, 2> output_padding{0, 0};

        [[nodiscard]] std::optional<at::Tensor> bias_opt() const {
            return Bias ? std::optional<at::Tensor>(parameters_.bias) : std::nullopt;
        }

        detail::WeightAndBias parameters_;
        at::Tensor y_, dx_;
        detail::Floats floats_of_weight_, floats_of_bias_;
        detail::Convolution<In, Input::sizes[1], Input::sizes[2], Out, Kernel, Stride, Padding> own_;
    };
};

}  // namespace lit::nn
