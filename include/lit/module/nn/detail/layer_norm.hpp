// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
#include <lit/module/nn/detail/avx2.hpp>

#include <cmath>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Layer normalisation on float32 of the CPU, of rows whose width the compiler knows.
namespace lit::nn::detail {

namespace threads = lit::detail::threads;

/// What a row of the input was normalised with.
struct Moments {
    float mean;
    float inverse_std;
};

namespace plain {

/// y = (x - mean) / sqrt(variance + eps) weight + bias, of each row of x.
template <std::int64_t Width>
void layer_norm(std::int64_t rows, const float* x, const float* weight, const float* bias, float eps,
                float* y, Moments* moments) {
    for (std::int64_t m = 0; m < rows; ++m, x += Width, y += Width) {
        float mean = 0.0F;
        for (std::int64_t n = 0; n < Width; ++n) {
            mean += x[n];
        }
        mean /= static_cast<float>(Width);
        float squares = 0.0F;
        for (std::int64_t n = 0; n < Width; ++n) {
            squares += (x[n] - mean) * (x[n] - mean);
        }
        const float inverse_std = 1.0F / std::sqrt(squares / static_cast<float>(Width) + eps);
        for (std::int64_t n = 0; n < Width; ++n) {
            y[n] = (x[n] - mean) * inverse_std * weight[n] + bias[n];
        }
        moments[m] = {mean, inverse_std};
    }
}
/// The gradients, from the input and the output's gradient. `dx` may be null; those of weight and bias are the sums over all rows.
template <std::int64_t Width>
void layer_norm_back(std::int64_t rows, const float* x, const float* weight, const Moments* moments,
                     const float* dy, float* dx, float* by_weight, float* by_bias) {
    for (std::int64_t n = 0; n < Width; ++n) {
        by_weight[n] = by_bias[n] = 0.0F;
    }
    for (std::int64_t m = 0; m < rows; ++m, x += Width, dy += Width) {
        const auto [mean, inverse_std] = moments[m];
        float sum = 0.0F, along = 0.0F;
        for (std::int64_t n = 0; n < Width; ++n) {
            const float normal = (x[n] - mean) * inverse_std;
            by_weight[n] += dy[n] * normal;
            by_bias[n] += dy[n];
            sum += dy[n] * weight[n];
            along += dy[n] * weight[n] * normal;
        }
        if (dx != nullptr) {
            sum /= static_cast<float>(Width);
            along /= static_cast<float>(Width);
            for (std::int64_t n = 0; n < Width; ++n) {
                const float normal = (x[n] - mean) * inverse_std;
                dx[n] = (dy[n] * weight[n] - sum - normal * along) * inverse_std;
            }
            dx += Width;
        }
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

template <std::int64_t Width>
struct Row {
    static constexpr std::int64_t rest = Width % 8;
    static constexpr int vectors = static_cast<int>(Width / 8) + (rest != 0 ? 1 : 0);

    /// Lanes beyond the end are 0.
    [[gnu::target("avx2,fma")]] static __m256 get(const float* row, int v) {
        if constexpr (rest != 0) {
            if (v + 1 == vectors) {
                return load<false, rest>(row + 8 * v);
            }
        }
        return _mm256_loadu_ps(row + 8 * v);
    }
    [[gnu::target("avx2,fma")]] static void put(float* row, int v, __m256 value) {
        if constexpr (rest != 0) {
            if (v + 1 == vectors) {
                return store<false, rest>(row + 8 * v, value);
            }
        }
        _mm256_storeu_ps(row + 8 * v, value);
    }
    /// x - mean, and 0 beyond the end.
    [[gnu::target("avx2,fma")]] static __m256 centered(const float* row, int v, __m256 mean) {
        const __m256 difference = _mm256_sub_ps(get(row, v), mean);
        if constexpr (rest != 0) {
            if (v + 1 == vectors) {
                return _mm256_and_ps(difference, _mm256_castsi256_ps(lanes(rest)));
            }
        }
        return difference;
    }
    /// The mean of a row whose lanes were added up.
    [[gnu::target("avx2,fma")]] static float mean(__m256 sum) {
        return _mm_cvtss_f32(sums(sum, sum, sum, sum)) / static_cast<float>(Width);
    }
};

template <std::int64_t Width>
[[gnu::target("avx2,fma")]] void layer_norm(std::int64_t rows, const float* x, const float* weight,
                                            const float* bias, float eps, float* y, Moments* moments) {
    using R = Row<Width>;
    for (std::int64_t m = 0; m < rows; ++m, x += Width, y += Width) {
        __m256 sum = _mm256_setzero_ps();
        for (int v = 0; v < R::vectors; ++v) {
            sum = _mm256_add_ps(sum, R::get(x, v));
        }
        const float mean = R::mean(sum);
        const __m256 means = _mm256_set1_ps(mean);
        __m256 squares = _mm256_setzero_ps();
        for (int v = 0; v < R::vectors; ++v) {
            const __m256 c = R::centered(x, v, means);
            squares = _mm256_fmadd_ps(c, c, squares);
        }
        const float inverse_std = 1.0F / std::sqrt(R::mean(squares) + eps);
        const __m256 factor = _mm256_set1_ps(inverse_std);
        for (int v = 0; v < R::vectors; ++v) {
            const __m256 normal = _mm256_mul_ps(_mm256_sub_ps(R::get(x, v), means), factor);
            R::put(y, v, _mm256_fmadd_ps(normal, R::get(weight, v), R::get(bias, v)));
        }
        moments[m] = {mean, inverse_std};
    }
}
template <std::int64_t Width>
[[gnu::target("avx2,fma")]] void layer_norm_back(std::int64_t rows, const float* x, const float* weight,
                                                 const Moments* moments, const float* dy, float* dx,
                                                 float* by_weight, float* by_bias) {
    using R = Row<Width>;
    for (int v = 0; v < R::vectors; ++v) {
        R::put(by_weight, v, _mm256_setzero_ps());
        R::put(by_bias, v, _mm256_setzero_ps());
    }
    for (std::int64_t m = 0; m < rows; ++m, x += Width, dy += Width) {
        const __m256 means = _mm256_set1_ps(moments[m].mean);
        const __m256 factor = _mm256_set1_ps(moments[m].inverse_std);
        __m256 sum = _mm256_setzero_ps(), along = _mm256_setzero_ps();
        for (int v = 0; v < R::vectors; ++v) {
            const __m256 normal = _mm256_mul_ps(R::centered(x, v, means), factor);
            const __m256 d = R::get(dy, v);
            R::put(by_weight, v, _mm256_fmadd_ps(d, normal, R::get(by_weight, v)));
            R::put(by_bias, v, _mm256_add_ps(d, R::get(by_bias, v)));
            const __m256 weighted = _mm256_mul_ps(d, R::get(weight, v));
            sum = _mm256_add_ps(sum, weighted);
            along = _mm256_fmadd_ps(weighted, normal, along);
        }
        if (dx != nullptr) {
            const __m256 mean_sum = _mm256_set1_ps(R::mean(sum));
            const __m256 mean_along = _mm256_set1_ps(R::mean(along));
            for (int v = 0; v < R::vectors; ++v) {
                const __m256 normal = _mm256_mul_ps(_mm256_sub_ps(R::get(x, v), means), factor);
                const __m256 weighted = _mm256_mul_ps(R::get(dy, v), R::get(weight, v));
                const __m256 left = _mm256_fnmadd_ps(normal, mean_along, _mm256_sub_ps(weighted, mean_sum));
                R::put(dx, v, _mm256_mul_ps(left, factor));
            }
            dx += Width;
        }
    }
}

}  // namespace avx2
#endif

template <std::int64_t Width>
void layer_norm(std::int64_t rows, const float* x, const float* weight, const float* bias, float eps,
                float* y, Moments* moments) {
    threads::in_parts(threads::parts_of(rows * Width * threads::work_per_number), rows, 1,
                      [=](auto begin, auto end, auto /*part*/) {
                          const float* from = x + begin * Width;
                          float* to = y + begin * Width;
                          if (avx2::available()) {
                              return avx2::layer_norm<Width>(end - begin, from, weight, bias, eps, to,
                                                             moments + begin);
                          }
                          plain::layer_norm<Width>(end - begin, from, weight, bias, eps, to, moments + begin);
                      });
}
template <std::int64_t Width>
void layer_norm_back(std::int64_t rows, const float* x, const float* weight, const Moments* moments,
                     const float* dy, float* dx, float* by_weight, float* by_bias) {
    if (avx2::available()) {
        return avx2::layer_norm_back<Width>(rows, x, weight, moments, dy, dx, by_weight, by_bias);
    }
    plain::layer_norm_back<Width>(rows, x, weight, moments, dy, dx, by_weight, by_bias);
}

}  // namespace lit::nn::detail
