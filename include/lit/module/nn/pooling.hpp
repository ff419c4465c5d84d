// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
#include <lit/module/nn/detail/correlation.hpp>
#include <lit/module/nn/detail/pooling.hpp>
#include <lit/module/nn/detail/sliding.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool2d_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <c10/core/ScalarType.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace lit::nn {

namespace threads = lit::detail::threads;

namespace detail {

/// What a square window leaves of a picture; void where the window is larger.
template <class Input, std::int64_t Kernel, std::int64_t Stride, std::int64_t Padding>
struct Pooled {
    using type = void;
};
template <std::int64_t Channels, std::int64_t Height, std::int64_t Width, std::int64_t Kernel,
          std::int64_t Stride, std::int64_t Padding>
struct Pooled<Shape<Channels, Height, Width>, Kernel, Stride, Padding> {
    using type = pictures_t<Channels, windows(Height, Kernel, Stride, Padding),
                            windows(Width, Kernel, Stride, Padding)>;
};

/// The settings of a window in ATen's form, and the buffers of what it gives.
template <class Input, std::int64_t Kernel, std::int64_t Stride, std::int64_t Padding>
class Pooling {
    static_assert(Kernel > 0 && Stride > 0,
                  "lit: the kernel and the stride of a pooling have to be positive.");
    static_assert(Padding >= 0 && 2 * Padding <= Kernel,
                  "lit: the padding of a pooling is at most half of its kernel.");

 public:
    static constexpr bool gives_away = true;

    at::Tensor& gradient_of_input(const at::Tensor& x, at::Tensor& /*dy*/) { return dx_.like(x); }

    static constexpr bool in_place = false;

 protected:
    static constexpr std::array<std::int64_t, 2> kernel{Kernel, Kernel};
    static constexpr std::array<std::int64_t, 2> stride{Stride, Stride};
    static constexpr std::array<std::int64_t, 2> padding{Padding, Padding};

    at::Tensor& y_for(const at::Tensor& x) {
        constexpr auto sizes = Pooled<Input, Kernel, Stride, Padding>::type::sizes;
        return y_.sized({x.size(0), sizes[0], sizes[1], sizes[2]}, x);
    }

    using Slide = Sliding<Input::sizes[1], Input::sizes[2], Kernel, Stride, Padding>;
    static constexpr Places places{Slide::rows, Slide::columns, Slide::row};
    static constexpr std::int64_t taps = Kernel * Kernel;
    static constexpr const std::int64_t* offsets() { return Slide::offsets.data(); }
    static constexpr std::int64_t places_each = Slide::rows * Slide::columns;

    /// Calls `each(pieces, at)` with every picture of a batch, taken apart and padded, and where its places begin in the output.
    template <class Each>
    void each_picture(const float* x, std::int64_t batch, float padding, Each&& each) {
        threads::in_parts(parts(batch), batch * Input::sizes[0], 1, [&](auto begin, auto end, auto part) {
            std::vector<float>& pieces = pieces_[static_cast<std::size_t>(part)];
            pieces.assign(room, padding);
            for (std::int64_t i = begin; i < end; ++i) {
                Slide::take_apart(x + i * Slide::picture, pieces.data());
                each(pieces.data(), i * places_each);
            }
        });
    }
    /// Calls `each(pieces, at)` with zeros, which it adds the gradients of a picture to.
    template <class Each>
    void each_gradient(float* dx, std::int64_t batch, Each&& each) {
        threads::in_parts(parts(batch), batch * Input::sizes[0], 1, [&](auto begin, auto end, auto part) {
            std::vector<float>& pieces = pieces_[static_cast<std::size_t>(part)];
            for (std::int64_t i = begin; i < end; ++i) {
                pieces.assign(room, 0.0F);
                each(pieces.data(), i * places_each);
                Slide::put_together(pieces.data(), dx + i * Slide::picture);
            }
        });
    }

 private:
    static constexpr auto room = static_cast<std::size_t>(Slide::apart + 8);  ///< the kernels read beyond

    /// Into how many parts the work with a batch is divided; there is room for so many.
    std::int64_t parts(std::int64_t batch) {
        const std::int64_t count = threads::parts_of(batch * Input::numel * threads::work_per_number);
        pieces_.resize(std::max(pieces_.size(), static_cast<std::size_t>(count)));
        return count;
    }

    Buffer y_, dx_;
    std::vector<std::vector<float>> pieces_;  ///< of each part
};

}  // namespace detail

/// The largest number of each square window: `MaxPool2d<2>`.
///
/// Shapes  x [batch, channels, height, width], y [batch, channels, (height + 2 Padding - Kernel) / Stride + 1, the same of width].
/// Source  `torch.nn.MaxPool2d`, without dilation; sizes are rounded down.
template <std::int64_t Kernel, std::int64_t Stride = Kernel, std::int64_t Padding = 0>
struct MaxPool2d {
    template <class Input>
    using output = typename detail::Pooled<Input, Kernel, Stride, Padding>::type;

    template <class Input>
    class State : public detail::Pooling<Input, Kernel, Stride, Padding> {
        using Window = detail::Pooling<Input, Kernel, Stride, Padding>;

     public:
        explicit State(torch::nn::Module& /*owner*/) {}
        [[nodiscard]] static at::Tensor forward(const at::Tensor& x) {
            return at::max_pool2d(x, Window::kernel, Window::stride, Window::padding);
        }
        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = this->y_for(x);
            if (!detail::writable(where_) || where_.sizes() != y.sizes() || where_.device() != y.device()) {
                where_ = at::empty(y.sizes(), y.options().dtype(at::kLong));
            }
            at::max_pool2d_with_indices_out(y, where_, x, Window::kernel, Window::stride, Window::padding);
            return y;
        }
        void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            at::max_pool2d_with_indices_backward_out(*dx, dy, x, Window::kernel, Window::stride,
                                                     Window::padding, dilation, false, where_);
        }
        void own(const float* x, float* y, std::int64_t batch) {
            taps_.resize(static_cast<std::size_t>(batch * output<Input>::numel));
            this->each_picture(x, batch, -std::numeric_limits<float>::infinity(),
                               [&](const float* pieces, std::int64_t at) {
                                   detail::largest<Window::taps>(Window::places, Window::offsets(), pieces,
                                                                 y + at, taps_.data() + at);
                               });
        }
        void own_back(const float* /*x*/, const float* /*y*/, const float* dy, float* dx,
                      std::int64_t batch) {
            this->each_gradient(dx, batch, [&](float* pieces, std::int64_t at) {
                detail::largest_back<Window::taps>(Window::places, Window::offsets(), dy + at,
                                                   taps_.data() + at, pieces);
            });
        }

     private:
        static constexpr std::array<std::int64_t, 2> dilation{1, 1};

        at::Tensor where_;                ///< of each window, the place of its largest number
        std::vector<std::int32_t> taps_;  ///< of own(): which of a window meets that
    };
};

/// The mean of each square window: `AvgPool2d<2>`.
///
/// Shapes  x [batch, channels, height, width], y [batch, channels, (height + 2 Padding - Kernel) / Stride + 1, the same of width].
/// Source  `torch.nn.AvgPool2d`; sizes are rounded down, and the padding's zeros count.
template <std::int64_t Kernel, std::int64_t Stride = Kernel, std::int64_t Padding = 0>
struct AvgPool2d {
    template <class Input>
    using output = typename detail::Pooled<Input, Kernel, Stride, Padding>::type;

    template <class Input>
    class State : public detail::Pooling<Input, Kernel, Stride, Padding> {
        using Window = detail::Pooling<Input, Kernel, Stride, Padding>;

     public:
        explicit State(torch::nn::Module& /*owner*/) {}
        [[nodiscard]] static at::Tensor forward(const at::Tensor& x) {
            return at::avg_pool2d(x, Window::kernel, Window::stride, Window::padding);
        }
        at::Tensor& run(const at::Tensor& x) {
            at::Tensor& y = this->y_for(x);
            at::avg_pool2d_out(y, x, Window::kernel, Window::stride, Window::padding);
            return y;
        }
        static void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            at::avg_pool2d_backward_out(*dx, dy, x, Window::kernel, Window::stride, Window::padding, false,
                                        true, {});
        }
        void own(const float* x, float* y, std::int64_t batch) {
            this->each_picture(x, batch, 0.0F, [&](const float* pieces, std::int64_t at) {
                detail::mean<Window::taps>(Window::places, Window::offsets(), pieces, y + at);
            });
        }
        void own_back(const float* /*x*/, const float* /*y*/, const float* dy, float* dx,
                      std::int64_t batch) {
            this->each_gradient(dx, batch, [&](float* pieces, std::int64_t at) {
                detail::mean_back<Window::taps>(Window::places, Window::offsets(), dy + at, pieces);
            });
        }
    };
};

}  // namespace lit::nn
