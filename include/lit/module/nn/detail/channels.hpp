// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
#include <lit/module/nn/detail/avx2.hpp>

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Sums over the numbers of a channel, and what they are used for, on float32 of the CPU. Each has a form of plain loops and one for
/// AVX2 with FMA.
namespace lit::nn::detail {

namespace threads = lit::detail::threads;

/// Where the numbers of channels lie in a batch: those of each in `pieces` pieces of `length`, each `stride` after the one before it; the
/// channels are `next` apart.
struct Channels {
    std::int64_t count;
    std::int64_t next;
    std::int64_t pieces;
    std::int64_t length;
    std::int64_t stride;
};
/// Of the gradients dy, and of their products with x - mean.
struct GradientSums {
    double plain = 0.0;
    double along = 0.0;
};

namespace plain {

inline double sum(std::int64_t count, const float* x) {
    double all = 0.0;
    for (std::int64_t i = 0; i < count; ++i) {
        all += x[i];
    }
    return all;
}
/// Of the squares of x - mean.
inline double squares(std::int64_t count, const float* x, float mean) {
    double all = 0.0;
    for (std::int64_t i = 0; i < count; ++i) {
        all += (x[i] - mean) * (x[i] - mean);
    }
    return all;
}
inline GradientSums gradient_sums(std::int64_t count, const float* x, float mean, const float* dy) {
    GradientSums all;
    for (std::int64_t i = 0; i < count; ++i) {
        all.plain += dy[i];
        all.along += (x[i] - mean) * dy[i];
    }
    return all;
}
/// y = x factor + shift.
inline void scale(std::int64_t count, const float* x, float factor, float shift, float* y) {
    for (std::int64_t i = 0; i < count; ++i) {
        y[i] = x[i] * factor + shift;
    }
}
/// dx = (dy - mean_dy - (x - mean) slope) factor.
inline void scale_back(std::int64_t count, const float* x, float mean, float slope, const float* dy,
                       float mean_dy, float factor, float* dx) {
    for (std::int64_t i = 0; i < count; ++i) {
        dx[i] = (dy[i] - mean_dy - (x[i] - mean) * slope) * factor;
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

[[gnu::target("avx2,fma")]] inline float total(__m256 x) {
    const __m256 none = _mm256_setzero_ps();
    return _mm_cvtss_f32(sums(x, none, none, none));
}
[[gnu::target("avx2,fma")]] inline double sum(std::int64_t count, const float* x) {
    __m256 all[4]{};
    std::int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
            all[v] = _mm256_add_ps(all[v], _mm256_loadu_ps(x + i + 8 * v));
        }
    }
    for (; i + 8 <= count; i += 8) {
        all[0] = _mm256_add_ps(all[0], _mm256_loadu_ps(x + i));
    }
    all[1] = _mm256_add_ps(all[1], _mm256_maskload_ps(x + i, lanes(count - i)));
    return total(_mm256_add_ps(_mm256_add_ps(all[0], all[1]), _mm256_add_ps(all[2], all[3])));
}
[[gnu::target("avx2,fma")]] inline double squares(std::int64_t count, const float* x, float mean) {
    const __m256 center = _mm256_set1_ps(mean);
    __m256 all[2]{};
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
            const __m256 off = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * v), center);
            all[v] = _mm256_fmadd_ps(off, off, all[v]);
        }
    }
    for (; i < count; i += 8) {
        const __m256i those = lanes(count - i);
        const __m256 off = _mm256_and_ps(_mm256_castsi256_ps(those),
                                         _mm256_sub_ps(_mm256_maskload_ps(x + i, those), center));
        all[0] = _mm256_fmadd_ps(off, off, all[0]);
    }
    return total(_mm256_add_ps(all[0], all[1]));
}
[[gnu::target("avx2,fma")]] inline GradientSums gradient_sums(std::int64_t count, const float* x, float mean,
                                                              const float* dy) {
    const __m256 center = _mm256_set1_ps(mean);
    __m256 all[2]{}, along[2]{};
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
#pragma GCC unroll 2
        for (int v = 0; v < 2; ++v) {
            const __m256 d = _mm256_loadu_ps(dy + i + 8 * v);
            all[v] = _mm256_add_ps(all[v], d);
            along[v] = _mm256_fmadd_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * v), center), d, along[v]);
        }
    }
    for (; i < count; i += 8) {
        const __m256i those = lanes(count - i);
        const __m256 d = _mm256_maskload_ps(dy + i, those);
        const __m256 off = _mm256_and_ps(_mm256_castsi256_ps(those),
                                         _mm256_sub_ps(_mm256_maskload_ps(x + i, those), center));
        all[0] = _mm256_add_ps(all[0], d);
        along[0] = _mm256_fmadd_ps(off, d, along[0]);
    }
    return {total(_mm256_add_ps(all[0], all[1])), total(_mm256_add_ps(along[0], along[1]))};
}
[[gnu::target("avx2,fma")]] inline void scale(std::int64_t count, const float* x, float factor, float shift,
                                              float* y) {
    const __m256 by = _mm256_set1_ps(factor), and_then = _mm256_set1_ps(shift);
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(_mm256_loadu_ps(x + i), by, and_then));
    }
    if (i < count) {
        const __m256 rest = _mm256_maskload_ps(x + i, lanes(count - i));
        store_first(y + i, _mm256_fmadd_ps(rest, by, and_then), count - i);
    }
}
[[gnu::target("avx2,fma")]] inline void scale_back(std::int64_t count, const float* x, float mean,
                                                   float slope, const float* dy, float mean_dy, float factor,
                                                   float* dx) {
    const __m256 center = _mm256_set1_ps(mean), less = _mm256_set1_ps(slope);
    const __m256 even = _mm256_set1_ps(mean_dy), by = _mm256_set1_ps(factor);
    for (std::int64_t i = 0; i < count; i += 8) {
        const __m256i those = lanes(count - i);
        const __m256 off = _mm256_sub_ps(_mm256_maskload_ps(x + i, those), center);
        const __m256 d = _mm256_sub_ps(_mm256_maskload_ps(dy + i, those), even);
        store_first(dx + i, _mm256_mul_ps(_mm256_fnmadd_ps(off, less, d), by), count - i);
    }
}

}  // namespace avx2
#endif

inline double sum(std::int64_t count, const float* x) {
    return avx2::available() ? avx2::sum(count, x) : plain::sum(count, x);
}
inline double squares(std::int64_t count, const float* x, float mean) {
    return avx2::available() ? avx2::squares(count, x, mean) : plain::squares(count, x, mean);
}
inline GradientSums gradient_sums(std::int64_t count, const float* x, float mean, const float* dy) {
    return avx2::available() ? avx2::gradient_sums(count, x, mean, dy)
                             : plain::gradient_sums(count, x, mean, dy);
}
inline void scale(std::int64_t count, const float* x, float factor, float shift, float* y) {
    if (avx2::available()) {
        return avx2::scale(count, x, factor, shift, y);
    }
    plain::scale(count, x, factor, shift, y);
}
inline void scale_back(std::int64_t count, const float* x, float mean, float slope, const float* dy,
                       float mean_dy, float factor, float* dx) {
    if (avx2::available()) {
        return avx2::scale_back(count, x, mean, slope, dy, mean_dy, factor, dx);
    }
    plain::scale_back(count, x, mean, slope, dy, mean_dy, factor, dx);
}

/// Calls `each(c)` for every channel.
template <class Each>
void each_channel(Channels at, Each&& each) {
    const std::int64_t parts = threads::parts_of(at.count * at.pieces * at.length * threads::work_per_number);
    threads::in_parts(parts, at.count, 1, [&](auto begin, auto end, auto /*part*/) {
        for (std::int64_t c = begin; c < end; ++c) {
            each(c);
        }
    });
}
/// The mean and the variance of each channel, without Bessel's correction.
inline void channel_moments(Channels at, const float* x, float* mean, float* variance) {
    each_channel(at, [=](std::int64_t c) {
        const float* from = x + c * at.next;
        const auto numbers = static_cast<double>(at.pieces * at.length);
        double all = 0.0, off = 0.0;
        for (std::int64_t i = 0; i < at.pieces; ++i) {
            all += sum(at.length, from + i * at.stride);
        }
        mean[c] = static_cast<float>(all / numbers);
        for (std::int64_t i = 0; i < at.pieces; ++i) {
            off += squares(at.length, from + i * at.stride, mean[c]);
        }
        variance[c] = static_cast<float>(off / numbers);
    });
}
/// y = (x - mean) inverse_std weight + bias.
inline void channel_norm(Channels at, const float* x, const float* mean, const float* inverse_std,
                         const float* weight, const float* bias, float* y) {
    each_channel(at, [=](std::int64_t c) {
        const float factor = inverse_std[c] * weight[c];
        for (std::int64_t i = 0; i < at.pieces; ++i) {
            const std::int64_t piece = c * at.next + i * at.stride;
            scale(at.length, x + piece, factor, bias[c] - mean[c] * factor, y + piece);
        }
    });
}
/// The gradients of that; `of_batch` is whether the moments are those of x, and change with it. `dx` may be null.
inline void channel_norm_back(Channels at, const float* x, const float* mean, const float* inverse_std,
                              const float* weight, bool of_batch, const float* dy, float* dx,
                              float* by_weight, float* by_bias) {
    each_channel(at, [=](std::int64_t c) {
        const auto numbers = static_cast<double>(at.pieces * at.length);
        GradientSums all;
        for (std::int64_t i = 0; i < at.pieces; ++i) {
            const std::int64_t piece = c * at.next + i * at.stride;
            const GradientSums sums = gradient_sums(at.length, x + piece, mean[c], dy + piece);
            all.plain += sums.plain;
            all.along += sums.along;
        }
        by_weight[c] = static_cast<float>(all.along * inverse_std[c]);
        by_bias[c] = static_cast<float>(all.plain);
        if (dx != nullptr) {
            const double inverse_variance = static_cast<double>(inverse_std[c]) * inverse_std[c];
            const auto slope = static_cast<float>(of_batch ? all.along / numbers * inverse_variance : 0.0);
            const auto mean_dy = static_cast<float>(of_batch ? all.plain / numbers : 0.0);
            for (std::int64_t i = 0; i < at.pieces; ++i) {
                const std::int64_t piece = c * at.next + i * at.stride;
                scale_back(at.length, x + piece, mean[c], slope, dy + piece, mean_dy,
                           inverse_std[c] * weight[c], dx + piece);
            }
        }
    });
}

}  // namespace lit::nn::detail
