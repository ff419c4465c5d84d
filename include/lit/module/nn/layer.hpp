// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <sstream>
#include <type_traits>
#include <utility>

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
/// make()                   of a layer with parameters, and of no other: LibTorch's of the same name, which the network registers, so
///                          that whoever looks for layers of that kind among its children finds them
/// State<Input>(made)       of what make() gave; without that, of an empty torch::nn::Module that is registered in its place
///   forward(x)             an ordinary differentiable computation
///   run(x)                 the same numbers, in a buffer that it keeps; may write into x where that is not const
///   gives_away             whether nobody but the next layer looks at that buffer, so that it may be written into
///   gradient_of_input(x, dy)   where the gradient of the input goes; may be dy itself
///   back(x, y, dy, dx)     from the input, the output and its gradient: writes the parameters' gradients, and that of the input into
///                          *dx, unless that is null, as it is for the first layer with parameters; those before it are not called
///   own(x, y, batch)       optional, for OwnKernels: the same on float32 in the CPU's memory, into y
///   own_back(x, y, dy, dx, batch)   and backwards; dx is null as above
///   in_place               of these: whether y may be x, where that is given away, and dx is dy
///   looks                  optional: y is x, and nothing is computed
/// Shapes                   x [batch, Input...], y [batch, output...], contiguous; gradients like what they belong to
template <class L, class Input>
using output_t = typename L::template output<Input>;

/// Whether a layer takes samples of a shape.
template <class L, class Input>
concept Takes = !std::is_void_v<output_t<L, Input>>;

/// Whether a layer has parameters.
template <class L>
concept Learns = requires {
    L::make();
};

/// Which kernels the step of a `Sequential` calls: ATen's, whose numbers are autograd's to the bit.
struct AtenKernels {};
/// Written first, `Sequential<lit::nn::OwnKernels, Linear<16, 32>, ...>`: kernels that the compiler makes for these sizes, which win
/// where a network is so small that calling ATen's costs more than computing, and for pictures of few channels. For float32 on the CPU;
/// else ATen's are taken. Where there is enough to compute they share it among at::get_num_threads() threads, ATen's own.
/// Accuracy  that of ATen's, with sums in another order: tests/module/nn/own_kernels.cpp holds them to within 1e-6 of the largest
///           number of a gradient, own_pictures.cpp those of pictures to 4e-6 of the largest of the network. The number of threads changes no bit.
struct OwnKernels {};

namespace detail {

/// The shape of `Channels` pictures of these sides; void for none.
template <std::int64_t Channels, std::int64_t Height, std::int64_t Width>
using pictures_t = std::conditional_t<(Height > 0 && Width > 0), Shape<Channels, Height, Width>, void>;

/// Whether a kept tensor can be written: those made in inference mode cannot outside of it.
inline bool writable(const at::Tensor& kept) {
    return kept.defined() && (!kept.is_inference() || c10::InferenceMode::is_enabled());
}

/// Below autograd nobody counts changes: a graph that has saved this tensor is to notice them all the same.
inline void changed(const at::Tensor& tensor) {
    if (!tensor.is_inference()) {
        tensor.unsafeGetTensorImpl()->bump_version();
    }
}
/// How often a tensor was changed in place; 0 for those of inference mode, which do not count.
inline std::uint64_t changes(const at::Tensor& tensor) {
    return tensor.is_inference() ? 0 : tensor.unsafeGetTensorImpl()->version_counter().current_version();
}
/// Whether the memory holds the numbers themselves, not their negatives or nothing at all.
inline bool holds_numbers(const at::Tensor& tensor) {
    return !tensor.is_neg() && !tensor._is_zerotensor();
}

/// A tensor that is made when it is first needed, and again when the batch has another size.
class Buffer {
 public:
    at::Tensor& like(const at::Tensor& other) { return sized(other.sizes(), other); }
    at::Tensor& sized(at::IntArrayRef sizes, const at::Tensor& kind) {
        if (!writable(tensor_) || tensor_.sizes() != sizes || tensor_.device() != kind.device() ||
            tensor_.scalar_type() != kind.scalar_type() || !tensor_.is_contiguous()) {
            tensor_ = at::empty(sizes, kind.options());
        }
        return tensor_;
    }
    [[nodiscard]] at::Tensor& get() { return tensor_; }

 private:
    at::Tensor tensor_;
};

/// The transposed view of a matrix, made again when that has other memory.
class Transposed {
 public:
    const at::Tensor& of(const at::Tensor& matrix) {
        // An empty matrix has no memory to tell it by.
        if (!writable(view_) || view_.const_data_ptr() != matrix.const_data_ptr() || matrix.numel() == 0 ||
            view_.sizes()[1] != matrix.sizes()[0] || view_.strides()[1] != matrix.strides()[0] ||
            view_.strides()[0] != matrix.strides()[1]) {
            view_ = matrix.t();
        }
        return view_;
    }

 private:
    at::Tensor view_;
};

/// The numbers of a parameter of float32 in the CPU's memory, one after the other.
class Floats {
 public:
    /// Errors  ConfigError for a parameter of another type or device.
    const float* of(const at::Tensor& parameter) {
        if (parameter.scalar_type() != at::kFloat || !parameter.device().is_cpu()) {
            refuse(parameter);
        }
        if (parameter.is_contiguous()) {
            return static_cast<const float*>(parameter.const_data_ptr());
        }
        copied_ = parameter.detach().contiguous();  // somebody gave it the memory of a view
        return static_cast<const float*>(copied_.const_data_ptr());
    }

 private:
    [[noreturn]] static void refuse(const at::Tensor& parameter) {
        std::ostringstream text;
        text << "lit::nn::Sequential: found a parameter of " << parameter.scalar_type() << " on "
             << parameter.device()
             << "; expected Float on cpu, as the network's first parameter and the batch are. Convert or "
                "move the "
                "network as a whole.";
        throw ConfigError(text.str());
    }

    at::Tensor copied_;
};

/// A tensor for a result that is given away: the last one again, unless somebody still has it or a view of it.
class Given {
 public:
    at::Tensor& sized(at::IntArrayRef sizes, const at::Tensor& kind) {
        if (tensor_.get().defined() &&
            (tensor_.get().use_count() > 1 || tensor_.get().storage().use_count() > 1)) {
            tensor_ = {};
        }
        return tensor_.sized(sizes, kind);
    }

 private:
    Buffer tensor_;
};

/// The gradient of one parameter: written into a kept buffer, unless somebody has kept the last one, or added to what is there already.
///
/// Autograd computes a gradient and then adds it; so is done here, lest a window's sums be rounded otherwise.
class Gradient {
 public:
    template <class Compute>
    void write(at::Tensor& parameter, Compute&& compute) {
        at::Tensor& grad = parameter.mutable_grad();
        if (!grad.defined()) {
            at::Tensor& own = first_.sized(parameter.sizes(), parameter);
            compute(own);
            grad = own;
        } else {
            at::Tensor& further = second_.like(parameter);
            compute(further);
            grad.add_(further);
            changed(grad);
        }
    }

 private:
    Given first_;
    Buffer second_;
};

/// A weight and a bias, which may be undefined, whose gradients ATen gives as new tensors together with that of the input.
class WeightAndBias {
 public:
    WeightAndBias(at::Tensor weight, at::Tensor bias) : weight(std::move(weight)), bias(std::move(bias)) {}

    at::Tensor weight;
    at::Tensor bias;

    /// Calls `compute(asked)` for the gradients of {input, weight, bias} that are asked for, if any, and puts them where they belong.
    template <class Compute>
    void back(at::Tensor* dx, Compute&& compute) {
        const std::array<bool, 3> asked{dx != nullptr, weight.requires_grad(),
                                        bias.defined() && bias.requires_grad()};
        if (asked == std::array<bool, 3>{}) {
            return;
        }
        if (asked[0]) {
            dx->reset();  // before the next one is allocated, which then gets the same memory
        }
        auto [by_input, by_weight, by_bias] = compute(asked);
        if (asked[0]) {
            *dx = std::move(by_input);
        }
        if (asked[1]) {
            of_weight_.write(weight, [&](at::Tensor& grad) { grad = by_weight; });
        }
        if (asked[2]) {
            of_bias_.write(bias, [&](at::Tensor& grad) { grad = by_bias; });
        }
    }
    /// Calls `compute(gradient)` with where a gradient of float32 on the CPU goes, if it is asked for.
    template <class Compute>
    void write_weight(Compute&& compute) {
        write(of_weight_, weight, compute);
    }
    template <class Compute>
    void write_bias(Compute&& compute) {
        write(of_bias_, bias, compute);
    }

 private:
    template <class Compute>
    static void write(Gradient& to, at::Tensor& parameter, Compute& compute) {
        if (parameter.defined() && parameter.requires_grad()) {
            to.write(parameter, [&](at::Tensor& grad) { compute(grad.mutable_data_ptr<float>()); });
        }
    }

    Gradient of_weight_, of_bias_;
};

}  // namespace detail
}  // namespace lit::nn
