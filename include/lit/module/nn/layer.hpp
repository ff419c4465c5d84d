// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <array>
#include <cstdint>
#include <type_traits>

namespace lit::nn {

/// The sizes of one sample, without the batch.
template <std::int64_t... Sizes>
struct Shape {
    static constexpr std::int64_t numel = (std::int64_t{1} * ... * Sizes);
    static constexpr std::array<std::int64_t, sizeof...(Sizes)> sizes{Sizes...};
};

/// A layer of a `Sequential`, whose sizes are types: what it learns, what it gives for an input, and what it computes, twice - for
/// autograd, and straight into buffers.
///
/// output<Input>            the shape of what it gives for a sample of the shape Input; void where it does not take that
/// input                    optional: the one shape that it takes
/// State<Input>(owner)      registers its parameters in the torch::nn::Module `owner`
///   forward(x)             an ordinary differentiable computation
///   run(x)                 the same numbers, in a buffer that it keeps; may write into x where that is not const
///   gives_away             whether nobody but the next layer looks at that buffer, so that it may be written into
///   gradient_of_input(x, dy)   where the gradient of the input goes; may be dy itself
///   back(x, y, dy, dx)     from the input, the output and its gradient: writes the parameters' gradients, and that of the input into
///                          *dx, unless that is null
/// Shapes                   x [batch, Input...], y [batch, output...], contiguous; gradients like what they belong to
template <class L, class Input>
using output_t = typename L::template output<Input>;

/// Whether a layer takes samples of a shape.
template <class L, class Input>
concept Takes = !std::is_void_v<output_t<L, Input>>;

namespace detail {

/// A tensor that is made when it is first needed, and again when the batch has another size.
class Buffer {
 public:
    at::Tensor& like(const at::Tensor& other) { return sized(other.sizes(), other); }
    at::Tensor& sized(at::IntArrayRef sizes, const at::Tensor& kind) {
        if (!tensor_.defined() || tensor_.sizes() != sizes || tensor_.device() != kind.device() ||
            tensor_.scalar_type() != kind.scalar_type()) {
            tensor_ = at::empty(sizes, kind.options());
        }
        return tensor_;
    }
    [[nodiscard]] at::Tensor& get() { return tensor_; }

 private:
    at::Tensor tensor_;
};

/// The gradient of one parameter: written into a kept buffer, or added to what is there already.
///
/// Autograd computes a gradient and then adds it; so is done here, lest a window's sums be rounded otherwise.
class Gradient {
 public:
    template <class Compute>
    void write(at::Tensor& parameter, Compute&& compute) {
        at::Tensor& grad = parameter.mutable_grad();
        if (!grad.defined()) {
            at::Tensor& own = first_.like(parameter);
            compute(own);
            grad = own;
        } else {
            at::Tensor& further = second_.like(parameter);
            compute(further);
            grad.add_(further);
        }
    }

 private:
    Buffer first_;
    Buffer second_;
};

}  // namespace detail
}  // namespace lit::nn
