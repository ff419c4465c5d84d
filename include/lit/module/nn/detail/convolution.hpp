// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
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

namespace threads = lit::detail::threads;

/// A convolution of pictures and its gradients, on float32 of the CPU, in each thread one picture after the other: x [batch, In, Height,
/// Width], weight [Out, In, Kernel, Kernel]. It needs memory for the weights, and in each thread for one picture.
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
        threads::in_parts(parts(batch), batch, 1, [&](auto begin, auto end, auto part) {
            for (std::int64_t i = begin; i < end; ++i) {
                const float* pieces = take_apart(x + i * In * Window::picture, part);
                correlate<Out>(places, depth, weight, offsets.data(), bias, pieces, y + i * Out * plane);
            }
        });
    }
    /// Each thread goes through all pictures for some of the weights.
    void gradient_of_weight(std::int64_t batch, const float* x, const float* dy, float* by_weight) {
        using Back = CorrelateBack<Out, depth>;
        std::fill_n(by_weight, Out * depth, 0.0F);
        threads::in_parts(parts(batch), Back::tiles, 1, [&](auto begin, auto end, auto part) {
            for (std::int64_t i = 0; i < batch; ++i) {
                const float* pieces = take_apart(x + i * In * Window::picture, part);
                Back::run(begin, end, places, offsets.data(), dy + i * Out * plane, pieces, by_weight);
            }
        });
    }
    static void gradient_of_bias(std::int64_t batch, const float* dy, float* by_bias) {
        std::fill_n(by_bias, Out, 0.0F);
        threads::in_parts(threads::parts_of(batch * Out * plane * threads::work_per_number), Out, 1,
                          [&](auto begin, auto end, auto /*part*/) {
                              for (std::int64_t i = 0; i < batch; ++i) {
                                  for (std::int64_t o = begin; o < end; ++o) {
                                      by_bias[o] +=
                                          static_cast<float>(sum(plane, dy + (i * Out + o) * plane));
                                  }
                              }
                          });
    }
    /// A number of the input at the padded place p was met by the tap k of the window at the place (p - k) / Stride, where that is a
    /// whole number. So the gradients of those whose places leave the same remainder, a phase, are a correlation of dy, with zeros
    /// around it, with every Stride-th tap from that remainder on, the last one first.
    void gradient_of_input(std::int64_t batch, const float* weight, const float* dy, float* dx) {
        if (phases_.empty()) {
            turned_.resize(Out * In * Kernel * Kernel);
            phases_ = make_phases();
        }
        turn(weight);
        threads::in_parts(parts(batch), batch, 1, [&](auto begin, auto end, auto part) {
            Room& room = rooms_[static_cast<std::size_t>(part)];
            room.around.resize(Out * around_rows * around_columns + read_beyond);
            room.phase.resize(Stride == 1 ? 0 : In * Window::picture);
            for (std::int64_t i = begin; i < end; ++i) {
                gradient_of_picture(dy + i * Out * plane, dx + i * In * Window::picture, room);
            }
        });
    }

 private:
    /// Memory of one thread.
    struct Room {
        std::vector<float> pieces;  ///< a picture
        std::vector<float> around;  ///< the gradients of a picture's outputs
        std::vector<float> phase;   ///< the gradients of a phase of the inputs
    };

    /// Into how many parts the work with a batch is divided; there is room for so many.
    std::int64_t parts(std::int64_t batch) {
        const std::int64_t count = threads::parts_of(batch * Out * plane * depth);
        rooms_.resize(std::max(rooms_.size(), static_cast<std::size_t>(count)));
        return count;
    }
    void gradient_of_picture(const float* dy, float* dx, Room& room) const {
        for (std::int64_t o = 0; o < Out; ++o, dy += plane) {
            surround(dy, room.around.data() + o * around_rows * around_columns);
        }
        if constexpr (Kernel < Stride) {
            std::fill_n(dx, In * Window::picture, 0.0F);  // there are numbers that no window meets
        }
        for (const Phase& phase : phases_) {
            float* to = Stride == 1 ? dx : room.phase.data();
            correlate<In>({phase.y.count, phase.x.count, around_columns}, Out * phase.y.taps * phase.x.taps,
                          turned_.data() + phase.weights, phase.offsets.data(), nullptr, room.around.data(),
                          to);
            if constexpr (Stride != 1) {
                spread(phase, to, dx);
            }
        }
    }

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
    struct Phase {
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

    const float* take_apart(const float* x, std::int64_t part) {
        std::vector<float>& pieces = rooms_[static_cast<std::size_t>(part)].pieces;
        pieces.resize(In * Window::apart + read_beyond);
        for (std::int64_t c = 0; c < In; ++c) {
            Window::take_apart(x + c * Window::picture, pieces.data() + c * Window::apart);
        }
        return pieces.data();
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
    static std::vector<Phase> make_phases() {
        std::vector<Phase> phases;
        std::int64_t weights = 0;
        for (std::int64_t i = 0; i < Stride * Stride; ++i) {
            Phase phase{along(Height, i / Stride), along(Width, i % Stride), weights, {}};
            if (phase.y.count == 0 || phase.x.count == 0 || phase.y.taps == 0 || phase.x.taps == 0) {
                continue;
            }
            const std::int64_t begin = (phase.y.first - first_place + further_taps) * around_columns +
                                       phase.x.first - first_place + further_taps;
            for (std::int64_t o = 0; o < Out; ++o) {
                for (std::int64_t ky = 0; ky < phase.y.taps; ++ky) {
                    for (std::int64_t kx = 0; kx < phase.x.taps; ++kx) {
                        phase.offsets.push_back((o * around_rows - ky) * around_columns - kx + begin);
                    }
                }
            }
            weights += In * Out * phase.y.taps * phase.x.taps;
            phases.push_back(std::move(phase));
        }
        return phases;
    }
    /// For each phase the taps that meet it, by input channel and filter.
    void turn(const float* weight) {
        for (const Phase& phase : phases_) {
            float* to = turned_.data() + phase.weights;
            for (std::int64_t c = 0; c < In; ++c) {
                for (std::int64_t o = 0; o < Out; ++o) {
                    for (std::int64_t ky = 0; ky < phase.y.taps; ++ky) {
                        for (std::int64_t kx = 0; kx < phase.x.taps; ++kx) {
                            *to++ = weight[((o * In + c) * Kernel + phase.y.of + ky * Stride) * Kernel +
                                           phase.x.of + kx * Stride];
                        }
                    }
                }
            }
        }
    }
    static void spread(const Phase& phase, const float* from, float* dx) {
        for (std::int64_t c = 0; c < In; ++c) {
            for (std::int64_t i = 0; i < phase.y.count; ++i) {
                float* row = dx + (c * Height + (phase.y.first + i) * Stride + phase.y.of - Padding) * Width;
                for (std::int64_t j = 0; j < phase.x.count; ++j) {
                    row[(phase.x.first + j) * Stride + phase.x.of - Padding] = *from++;
                }
            }
        }
    }

    std::vector<Room> rooms_;    ///< of each part of the work
    std::vector<float> turned_;  ///< the weights
    std::vector<Phase> phases_;
};

}  // namespace lit::nn::detail
