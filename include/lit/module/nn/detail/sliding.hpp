// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/avx2.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Windows that slide over pictures, for the own kernels of convolutions and poolings.
namespace lit::nn::detail {

/// At how many places a window stands along a side; 0 where it is larger than that.
constexpr std::int64_t windows(std::int64_t side, std::int64_t kernel, std::int64_t stride,
                               std::int64_t padding) {
    return side + 2 * padding >= kernel ? (side + 2 * padding - kernel) / stride + 1 : 0;
}

namespace plain {

/// even[i] = from[2 i] and odd[i] = from[2 i + 1].
inline void take_apart(std::int64_t evens, std::int64_t odds, const float* from, float* even, float* odd) {
    for (std::int64_t i = 0; i < evens; ++i) {
        even[i] = from[2 * i];
    }
    for (std::int64_t i = 0; i < odds; ++i) {
        odd[i] = from[2 * i + 1];
    }
}
/// to[2 i] = even[i] and to[2 i + 1] = odd[i].
inline void put_together(std::int64_t evens, std::int64_t odds, const float* even, const float* odd,
                         float* to) {
    for (std::int64_t i = 0; i < evens; ++i) {
        to[2 * i] = even[i];
    }
    for (std::int64_t i = 0; i < odds; ++i) {
        to[2 * i + 1] = odd[i];
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

/// The pairs of numbers 0, 2, 1, 3 of a vector.
[[gnu::target("avx2,fma")]] inline __m256 middle_swapped(__m256 x) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0b11'01'10'00));
}
[[gnu::target("avx2,fma")]] inline void take_apart(std::int64_t evens, std::int64_t odds, const float* from,
                                                   float* even, float* odd) {
    std::int64_t i = 0;
    for (; i + 8 <= evens && i + 8 <= odds; i += 8) {
        const __m256 low = _mm256_loadu_ps(from + 2 * i), high = _mm256_loadu_ps(from + 2 * i + 8);
        _mm256_storeu_ps(even + i, middle_swapped(_mm256_shuffle_ps(low, high, 0b10'00'10'00)));
        _mm256_storeu_ps(odd + i, middle_swapped(_mm256_shuffle_ps(low, high, 0b11'01'11'01)));
    }
    plain::take_apart(evens - i, odds - i, from + 2 * i, even + i, odd + i);
}
[[gnu::target("avx2,fma")]] inline void put_together(std::int64_t evens, std::int64_t odds, const float* even,
                                                     const float* odd, float* to) {
    std::int64_t i = 0;
    for (; i + 8 <= evens && i + 8 <= odds; i += 8) {
        const __m256 a = _mm256_loadu_ps(even + i), b = _mm256_loadu_ps(odd + i);
        const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
        _mm256_storeu_ps(to + 2 * i, _mm256_permute2f128_ps(low, high, 0x20));
        _mm256_storeu_ps(to + 2 * i + 8, _mm256_permute2f128_ps(low, high, 0x31));
    }
    plain::put_together(evens - i, odds - i, even + i, odd + i, to + 2 * i);
}

}  // namespace avx2
#endif

/// A square window over a picture of one channel, and that picture taken apart: padded, and for a stride S split into pictures of every
/// S-th number along both sides, so that what one tap of the window meets at the places of a row lies side by side. At the place
/// (y, x) the tap t meets the number at offsets[t] + y * row + x.
template <std::int64_t Height, std::int64_t Width, std::int64_t Kernel, std::int64_t Stride,
          std::int64_t Padding>
class Sliding {
    static constexpr std::int64_t parts =
        std::min(Kernel, Stride);  ///< along a side; a window meets no others
    static constexpr std::int64_t part_rows =
        windows(Height, Kernel, Stride, Padding) + (Kernel - 1) / Stride;
    static constexpr std::int64_t part_row = windows(Width, Kernel, Stride, Padding) + (Kernel - 1) / Stride;

    /// Where the part of the numbers whose padded places leave these remainders begins.
    static constexpr std::int64_t part(std::int64_t y, std::int64_t x) {
        return (y * parts + x) * part_rows * part_row;
    }

 public:
    static constexpr std::int64_t rows = windows(Height, Kernel, Stride, Padding);
    static constexpr std::int64_t columns = windows(Width, Kernel, Stride, Padding);
    static constexpr std::int64_t picture = Height * Width;
    static constexpr std::int64_t row = part_row;
    static constexpr std::int64_t apart = parts * parts * part_rows * part_row;
    static constexpr auto taps = static_cast<std::size_t>(Kernel * Kernel);
    static constexpr std::array<std::int64_t, taps> offsets = [] {
        std::array<std::int64_t, taps> all{};
        for (std::int64_t y = 0; y < Kernel; ++y) {
            for (std::int64_t x = 0; x < Kernel; ++x) {
                all[static_cast<std::size_t>(y * Kernel + x)] =
                    part(y % Stride, x % Stride) + y / Stride * row + x / Stride;
            }
        }
        return all;
    }();

    /// Writes the numbers of a picture that windows meet to where they belong, and leaves the padding as it is.
    static void take_apart(const float* whole, float* pieces) {
        each_row([&](std::int64_t y, std::int64_t begin) {
            const float* from = whole + y * Width;
            if constexpr (Stride == 1) {
                std::copy_n(from, Width, pieces + begin + Padding);
            } else if constexpr (parts == 2 && Stride == 2) {
                float* even = pieces + begin + first_of(0);
                float* odd = pieces + begin + first_of(1);
                if (avx2::available()) {
                    return avx2::take_apart(met(0), met(1), from, even, odd);
                }
                plain::take_apart(met(0), met(1), from, even, odd);
            } else {
                each_number([&](std::int64_t x, std::int64_t at) { pieces[begin + at] = from[x]; });
            }
        });
    }
    /// The other way round. What no window meets becomes 0.
    static void put_together(const float* pieces, float* whole) {
        if constexpr (Stride != 1) {
            std::fill_n(whole, picture, 0.0F);
        }
        each_row([&](std::int64_t y, std::int64_t begin) {
            float* to = whole + y * Width;
            if constexpr (Stride == 1) {
                std::copy_n(pieces + begin + Padding, Width, to);
            } else if constexpr (parts == 2 && Stride == 2) {
                const float* even = pieces + begin + first_of(0);
                const float* odd = pieces + begin + first_of(1);
                if (avx2::available()) {
                    return avx2::put_together(met(0), met(1), even, odd, to);
                }
                plain::put_together(met(0), met(1), even, odd, to);
            } else {
                each_number([&](std::int64_t x, std::int64_t at) { to[x] = pieces[begin + at]; });
            }
        });
    }

 private:
    /// With a stride of 2: where the even or the odd numbers of a row go, and how many of them are met.
    static constexpr std::int64_t first_of(std::int64_t odd) {
        return part(0, (Padding + odd) % 2) + (Padding + odd) / 2;
    }
    static constexpr std::int64_t met(std::int64_t odd) {
        return std::clamp<std::int64_t>(row - (Padding + odd) / 2, 0, (Width + 1 - odd) / 2);
    }
    template <class Each>
    static void each_row(Each&& each) {
        for (std::int64_t y = 0; y < Height; ++y) {
            const std::int64_t of = (y + Padding) % Stride, at = (y + Padding) / Stride;
            if (of < parts && at < part_rows) {
                each(y, part(of, 0) + at * row);
            }
        }
    }
    template <class Each>
    static void each_number(Each&& each) {
        for (std::int64_t x = 0; x < Width; ++x) {
            const std::int64_t of = (x + Padding) % Stride, at = (x + Padding) / Stride;
            if (of < parts && at < row) {
                each(x, part(0, of) + at);
            }
        }
    }
};

}  // namespace lit::nn::detail
