// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/channels.hpp>
#include <lit/module/nn/detail/correlation.hpp>
#include <lit/module/nn/detail/sliding.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lit::nn::detail {

/// A convolution of pictures and its gradients, on float32 of the CPU, one picture after the other: x [batch, In, Height, Width], weight
/// [Out, In, Kernel, Kernel]. It needs memory for one picture and for the weights.
template <std::int64_t In, std::int64_t Height, std::int64_t Width, std::int64_t Out, std::int64_t Kernel,
          std::int64_t Stride, std::int64_t Padding>
class Convolution {
    using Window = Sliding<Height, Width, Kernel, Stride, Padding>;
    static constexpr std::int64_t depth = In * Kernel * Kernel;
    static constexpr std::int64_t read_beyond = 8;
    static constexpr Places places{Window::rows, Window::columns, Window::row};
    static constexpr std::int64_t plane = Window::rows * Window::columns;
    static constexpr auto offsets = [] {
        std::array<std::int64_t, static_cast<std::size_t>(depth)> all{};
        for (std::int64_t c = 0; c < In; ++c) {
            for (std::size_t tap = 0; tap < Window::taps; ++tap) {
                all[static_cast<std::size_t>(c) * Window::taps + tap] =
                    c * Window::apart + Window::offsets[tap];
            }
        }
        return all;
    }();

 public:
    /// `bias` may be null.
    void run(std::int64_t batch, const float* x, const float* weight, const float* bias, float* y) {
        for (std::int64_t i = 0; i < batch; ++i, y += Out * plane) {
            take_apart(x + i * In * Window::picture);
            correlate<Out>(places, depth, weight, offsets.data(), bias, pieces_.data(), y);
        }
    }
    void gradient_of_weight(std::int64_t batch, const float* x, const float* dy, float* by_weight) {
        std::fill_n(by_weight, Out * depth, 0.0F);
        for (std::int64_t i = 0; i < batch; ++i, dy += Out * plane) {
            take_apart(x + i * In * Window::picture);
            correlate_back<Out, depth>(places, offsets.data(), dy, pieces_.data(), by_weight);
        }
    }
    static void gradient_of_bias(std::int64_t batch, const float* dy, float* by_bias) {
        std::fill_n(by_bias, Out, 0.0F);
        for (std::int64_t i = 0; i < batch; ++i) {
            for (std::int64_t o = 0; o < Out; ++o, dy += plane) {
                by_bias[o] += static_cast<float>(sum(plane, dy));
            }
        }
    }
    /// A number of the input at the padded place p was met by the tap k of the window at the place (p - k) / Stride, where that is a
    /// whole number. So the gradients of those whose places leave the same remainder, a part, are a correlation of dy, with zeros
    /// around it, with every Stride-th tap from that remainder on, the last one first.
    void gradient_of_input(std::int64_t batch, const float* weight, const float* dy, float* dx) {
        if (around_.empty()) {
            around_.resize(Out * around_rows * around_columns + read_beyond);
            part_.resize(Stride == 1 ? 0 : In * Window::picture);
            turned_.resize(Out * In * Kernel * Kernel);
            make_parts();
        }
        turn(weight);
        for (std::int64_t i = 0; i < batch; ++i, dx += In * Window::picture) {
            for (std::int64_t o = 0; o < Out; ++o, dy += plane) {
                surround(dy, around_.data() + o * around_rows * around_columns);
            }
            if constexpr (Kernel < Stride) {
                std::fill_n(dx, In * Window::picture, 0.0F);  // there are numbers that no window meets
            }
            for (const Part& part : parts_) {
                float* to = Stride == 1 ? dx : part_.data();
                correlate<In>({part.y.count, part.x.count, around_columns}, Out * part.y.taps * part.x.taps,
                              turned_.data() + part.weights, part.offsets.data(), nullptr, around_.data(),
                              to);
                if constexpr (Stride != 1) {
                    spread(part, dx);
                }
            }
        }
    }

 private:
    /// Along a side, the numbers whose padded places leave the remainder `of`.
    struct Along {
        std::int64_t of;
        std::int64_t first;  ///< the place of the first, divided by the stride
        std::int64_t count;
        std::int64_t taps;  ///< how many of a window meet them
    };
    static constexpr Along along(std::int64_t side, std::int64_t of) {
        const std::int64_t first = std::max<std::int64_t>(0, (Padding - of + Stride - 1) / Stride);
        const std::int64_t end = (Padding + side - 1 - of + Stride) / Stride;
        return {of, first, std::max<std::int64_t>(0, end - first),
                of < Kernel ? (Kernel - 1 - of) / Stride + 1 : 0};
    }
    struct Part {
        Along y, x;
        std::int64_t weights;  ///< where its taps begin
        std::vector<std::int64_t> offsets;
    };

    static constexpr std::int64_t further_taps = (Kernel - 1) / Stride;
    static constexpr std::int64_t first_place = Padding / Stride;
    /// Of dy with what lies around it: it begins `further_taps` before the place of the first number of the input.
    static constexpr std::int64_t around_rows =
        (Padding + Height - 1) / Stride - first_place + 1 + further_taps;
    static constexpr std::int64_t around_columns =
        (Padding + Width - 1) / Stride - first_place + 1 + further_taps;
    static constexpr std::int64_t shift = further_taps - first_place;

    void take_apart(const float* x) {
        pieces_.resize(In * Window::apart + read_beyond);
        for (std::int64_t c = 0; c < In; ++c) {
            Window::take_apart(x + c * Window::picture, pieces_.data() + c * Window::apart);
        }
    }
    static void surround(const float* dy, float* around) {
        constexpr std::int64_t skipped = std::max<std::int64_t>(0, -shift);
        constexpr std::int64_t begin = std::max<std::int64_t>(0, shift);
        constexpr std::int64_t rows = std::min(Window::rows - skipped, around_rows - begin);
        constexpr std::int64_t columns = std::min(Window::columns - skipped, around_columns - begin);
        for (std::int64_t y = 0; y < rows; ++y) {
            if constexpr (columns > 0) {
                std::copy_n(dy + (y + skipped) * Window::columns + skipped, columns,
                            around + (y + begin) * around_columns + begin);
            }
        }
    }
    void make_parts() {
        std::int64_t weights = 0;
        for (std::int64_t i = 0; i < Stride * Stride; ++i) {
            Part part{along(Height, i / Stride), along(Width, i % Stride), weights, {}};
            if (part.y.count == 0 || part.x.count == 0 || part.y.taps == 0 || part.x.taps == 0) {
                continue;
            }
            const std::int64_t begin = (part.y.first - first_place + further_taps) * around_columns +
                                       part.x.first - first_place + further_taps;
            for (std::int64_t o = 0; o < Out; ++o) {
                for (std::int64_t ky = 0; ky < part.y.taps; ++ky) {
                    for (std::int64_t kx = 0; kx < part.x.taps; ++kx) {
                        part.offsets.push_back((o * around_rows - ky) * around_columns - kx + begin);
                    }
                }
            }
            weights += In * Out * part.y.taps * part.x.taps;
            parts_.push_back(std::move(part));
        }
    }
    /// For each part the taps that meet it, by input channel and filter.
    void turn(const float* weight) {
        for (const Part& part : parts_) {
            float* to = turned_.data() + part.weights;
            for (std::int64_t c = 0; c < In; ++c) {
                for (std::int64_t o = 0; o < Out; ++o) {
                    for (std::int64_t ky = 0; ky < part.y.taps; ++ky) {
                        for (std::int64_t kx = 0; kx < part.x.taps; ++kx) {
                            *to++ = weight[((o * In + c) * Kernel + part.y.of + ky * Stride) * Kernel +
                                           part.x.of + kx * Stride];
                        }
                    }
                }
            }
        }
    }
    void spread(const Part& part, float* dx) const {
        const float* from = part_.data();
        for (std::int64_t c = 0; c < In; ++c) {
            for (std::int64_t i = 0; i < part.y.count; ++i) {
                float* row = dx + (c * Height + (part.y.first + i) * Stride + part.y.of - Padding) * Width;
                for (std::int64_t j = 0; j < part.x.count; ++j) {
                    row[(part.x.first + j) * Stride + part.x.of - Padding] = *from++;
                }
            }
        }
    }

    std::vector<float> pieces_;  ///< a picture
    std::vector<float> around_;  ///< the gradients of a picture's outputs
    std::vector<float> part_;    ///< the gradients of a part of the inputs
    std::vector<float> turned_;  ///< the weights
    std::vector<Part> parts_;
};

}  // namespace lit::nn::detail
