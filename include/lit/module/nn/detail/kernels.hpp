// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// The arithmetic of static networks of small sizes, on float32 of the CPU: sizes of samples are known to the compiler, that of the
/// batch is not. Each has a form of plain loops and one for AVX2 with FMA, between which the processor decides at run time; ATen's
/// vector headers are scalar in a unit that is not itself compiled for AVX2.
///
/// The sums are those of ATen's kernels in another order: what comes out differs by some ulps.
namespace lit::nn::detail {

/// A factor of a product: element (m, k) lies at data[m * row + k * step].
struct Factor {
    const float* data;
    std::int64_t row;
    std::int64_t step;
};

namespace plain {

/// c[m, n] = bias[n] + sum over k of a(m, k) * b[k, n]; b is [depth, Columns], c [rows, Columns].
template <std::int64_t Columns>
void product(std::int64_t rows, std::int64_t depth, Factor a, const float* b, const float* bias, float* c) {
    for (std::int64_t m = 0; m < rows; ++m) {
        float* out = c + m * Columns;
        for (std::int64_t n = 0; n < Columns; ++n) {
            out[n] = bias == nullptr ? 0.0F : bias[n];
        }
        for (std::int64_t k = 0; k < depth; ++k) {
            const float factor = a.data[m * a.row + k * a.step];
            for (std::int64_t n = 0; n < Columns; ++n) {
                out[n] += factor * b[k * Columns + n];
            }
        }
    }
}
/// c[m, n] = bias[n] + sum over k of a[m, k] * w[n, k]; w is [Columns, Depth].
template <std::int64_t Depth, std::int64_t Columns>
void dots(std::int64_t rows, const float* a, const float* w, const float* bias, float* c) {
    for (std::int64_t m = 0; m < rows; ++m) {
        for (std::int64_t n = 0; n < Columns; ++n) {
            float sum = bias == nullptr ? 0.0F : bias[n];
            for (std::int64_t k = 0; k < Depth; ++k) {
                sum += a[m * Depth + k] * w[n * Depth + k];
            }
            c[m * Columns + n] = sum;
        }
    }
}
inline void relu(std::int64_t count, const float* x, float* y) {
    for (std::int64_t i = 0; i < count; ++i) {
        y[i] = x[i] < 0.0F ? 0.0F : x[i];  // a NaN stays one
    }
}
/// dy becomes the gradient of the input.
inline void relu_back(std::int64_t count, const float* y, float* dy) {
    for (std::int64_t i = 0; i < count; ++i) {
        dy[i] = y[i] <= 0.0F ? 0.0F : dy[i];
    }
}
/// p becomes the softmax of each row of y, log_sum the logarithm of what softmax divides by, plus the row's maximum.
template <std::int64_t Classes>
void softmax(std::int64_t rows, const float* y, float* p, float* log_sum) {
    for (std::int64_t m = 0; m < rows; ++m) {
        const float* in = y + m * Classes;
        float* out = p + m * Classes;
        float largest = in[0];
        for (std::int64_t n = 1; n < Classes; ++n) {
            largest = in[n] > largest || std::isnan(in[n]) ? in[n] : largest;
        }
        float sum = 0.0F;
        for (std::int64_t n = 0; n < Classes; ++n) {
            out[n] = std::exp(in[n] - largest);
            sum += out[n];
        }
        for (std::int64_t n = 0; n < Classes; ++n) {
            out[n] /= sum;
        }
        log_sum[m] = largest + std::log(sum);
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

inline bool available() {
    static const bool known = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    return known;
}

/// As many lanes as the last vector of a row has.
template <std::int64_t Lanes>
[[gnu::target("avx2,fma")]] inline __m256i first_lanes() {
    return _mm256_setr_epi32(Lanes > 0 ? -1 : 0, Lanes > 1 ? -1 : 0, Lanes > 2 ? -1 : 0, Lanes > 3 ? -1 : 0,
                             Lanes > 4 ? -1 : 0, Lanes > 5 ? -1 : 0, Lanes > 6 ? -1 : 0, 0);
}
template <bool Whole, std::int64_t Rest>
[[gnu::target("avx2,fma")]] inline __m256 load(const float* from) {
    if constexpr (Whole) {
        return _mm256_loadu_ps(from);
    } else {
        return _mm256_maskload_ps(from, first_lanes<Rest>());
    }
}
template <bool Whole, std::int64_t Rest>
[[gnu::target("avx2,fma")]] inline void store(float* to, __m256 value) {
    if constexpr (Whole) {
        _mm256_storeu_ps(to, value);
    } else {
        _mm256_maskstore_ps(to, first_lanes<Rest>(), value);
    }
}

/// `Rows` rows and `Width` of at most 16 columns of plain::product, whose sums stay in registers.
template <int Rows, std::int64_t Width, std::int64_t Columns>
[[gnu::target("avx2,fma")]] inline void tile(std::int64_t depth, Factor a, const float* b, const float* bias,
                                             float* c) {
    constexpr std::int64_t rest = Width % 8;
    constexpr int vectors = static_cast<int>(Width / 8) + (rest != 0 ? 1 : 0);
    constexpr bool last_whole = rest == 0;
    __m256 sum[Rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        if (bias == nullptr) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                sum[r][v] = _mm256_setzero_ps();
            }
        } else {
#pragma GCC unroll 2
            for (int v = 0; v + 1 < vectors; ++v) {
                sum[r][v] = _mm256_loadu_ps(bias + 8 * v);
            }
            sum[r][vectors - 1] = load<last_whole, rest>(bias + 8 * (vectors - 1));
        }
    }
    for (std::int64_t k = 0; k < depth; ++k) {
        __m256 row[vectors];
#pragma GCC unroll 2
        for (int v = 0; v + 1 < vectors; ++v) {
            row[v] = _mm256_loadu_ps(b + k * Columns + 8 * v);
        }
        row[vectors - 1] = load<last_whole, rest>(b + k * Columns + 8 * (vectors - 1));
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const __m256 factor = _mm256_broadcast_ss(a.data + r * a.row + k * a.step);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                sum[r][v] = _mm256_fmadd_ps(factor, row[v], sum[r][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v + 1 < vectors; ++v) {
            _mm256_storeu_ps(c + r * Columns + 8 * v, sum[r][v]);
        }
        store<last_whole, rest>(c + r * Columns + 8 * (vectors - 1), sum[r][vectors - 1]);
    }
}
template <int Rows, std::int64_t Columns>
[[gnu::target("avx2,fma")]] inline void tiles(std::int64_t depth, Factor a, const float* b, const float* bias,
                                              float* c) {
    constexpr std::int64_t width = 16;
    constexpr std::int64_t rest = Columns % width;
    for (std::int64_t n = 0; n < Columns - rest; n += width) {
        tile<Rows, width, Columns>(depth, a, b + n, bias == nullptr ? nullptr : bias + n, c + n);
    }
    if constexpr (rest != 0) {
        constexpr std::int64_t n = Columns - rest;
        tile<Rows, rest, Columns>(depth, a, b + n, bias == nullptr ? nullptr : bias + n, c + n);
    }
}
template <std::int64_t Columns>
[[gnu::target("avx2,fma")]] void product(std::int64_t rows, std::int64_t depth, Factor a, const float* b,
                                         const float* bias, float* c) {
    std::int64_t m = 0;
    const auto from = [&] { return Factor{a.data + m * a.row, a.row, a.step}; };
    for (; m + 6 <= rows; m += 6) {
        tiles<6, Columns>(depth, from(), b, bias, c + m * Columns);
    }
    for (; m + 4 <= rows; m += 4) {
        tiles<4, Columns>(depth, from(), b, bias, c + m * Columns);
    }
    for (; m + 2 <= rows; m += 2) {
        tiles<2, Columns>(depth, from(), b, bias, c + m * Columns);
    }
    for (; m < rows; ++m) {
        tiles<1, Columns>(depth, from(), b, bias, c + m * Columns);
    }
}

/// The sums of four vectors' lanes.
[[gnu::target("avx2,fma")]] inline __m128 sums(__m256 a, __m256 b, __m256 c, __m256 d) {
    const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}
/// `Rows` rows and four columns of plain::dots.
template <int Rows, std::int64_t Depth>
[[gnu::target("avx2,fma")]] inline void dot_tile(const float* a, const float* w, float (&out)[Rows][4]) {
    constexpr std::int64_t rest = Depth % 8;
    __m256 sum[Rows][4];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int n = 0; n < 4; ++n) {
            sum[r][n] = _mm256_setzero_ps();
        }
    }
    for (std::int64_t k = 0; k + 8 <= Depth; k += 8) {
        __m256 x[Rows];
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            x[r] = _mm256_loadu_ps(a + r * Depth + k);
        }
#pragma GCC unroll 4
        for (int n = 0; n < 4; ++n) {
            const __m256 column = _mm256_loadu_ps(w + n * Depth + k);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) {
                sum[r][n] = _mm256_fmadd_ps(x[r], column, sum[r][n]);
            }
        }
    }
    if constexpr (rest != 0) {
        constexpr std::int64_t k = Depth - rest;
#pragma GCC unroll 4
        for (int n = 0; n < 4; ++n) {
            const __m256 column = load<false, rest>(w + n * Depth + k);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) {
                sum[r][n] = _mm256_fmadd_ps(load<false, rest>(a + r * Depth + k), column, sum[r][n]);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
        _mm_storeu_ps(out[r], sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
    }
}
template <int Rows, std::int64_t Depth, std::int64_t Columns>
[[gnu::target("avx2,fma")]] inline void dot_rows(const float* a, const float* w, const float* bias,
                                                 float* c) {
    constexpr std::int64_t rest = Columns % 4;
    float out[Rows][4];
    for (std::int64_t n = 0; n < Columns; n += 4) {
        // The last columns that are fewer than four are computed with those before them.
        const std::int64_t from = rest != 0 && n + 4 > Columns ? Columns - 4 : n;
        dot_tile<Rows, Depth>(a, w + from * Depth, out);
        for (int r = 0; r < Rows; ++r) {
            for (std::int64_t i = 0; i < 4; ++i) {
                c[r * Columns + from + i] = out[r][i] + (bias == nullptr ? 0.0F : bias[from + i]);
            }
        }
    }
}
/// Columns of four or more.
template <std::int64_t Depth, std::int64_t Columns>
[[gnu::target("avx2,fma")]] void dots(std::int64_t rows, const float* a, const float* w, const float* bias,
                                      float* c) {
    std::int64_t m = 0;
    for (; m + 3 <= rows; m += 3) {
        dot_rows<3, Depth, Columns>(a + m * Depth, w, bias, c + m * Columns);
    }
    for (; m < rows; ++m) {
        dot_rows<1, Depth, Columns>(a + m * Depth, w, bias, c + m * Columns);
    }
}

[[gnu::target("avx2,fma")]] inline void relu(std::int64_t count, const float* x, float* y) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {  // of two operands maxps takes the second where one is a NaN
        _mm256_storeu_ps(y + i, _mm256_max_ps(_mm256_setzero_ps(), _mm256_loadu_ps(x + i)));
    }
    plain::relu(count - i, x + i, y + i);
}
[[gnu::target("avx2,fma")]] inline void relu_back(std::int64_t count, const float* y, float* dy) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m256 off = _mm256_cmp_ps(_mm256_loadu_ps(y + i), _mm256_setzero_ps(), _CMP_LE_OQ);
        _mm256_storeu_ps(dy + i, _mm256_andnot_ps(off, _mm256_loadu_ps(dy + i)));
    }
    plain::relu_back(count - i, y + i, dy + i);
}

/// e^x for x of at most 0, within 2 ulps where that is a normal number; 0 below.
/// Source  the range reduction and the polynomial of Cephes' expf.
[[gnu::target("avx2,fma")]] inline __m256 exp_of_negative(__m256 x) {
    const __m256 least = _mm256_set1_ps(-87.33654F);
    const __m256 counts = _mm256_cmp_ps(x, least, _CMP_NLT_UQ);  // a NaN stays one
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341F)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375F), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4F), r);
    __m256 p = _mm256_set1_ps(1.9875691500e-4F);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1F));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0F)));
    const __m256i exponent =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(counts, _mm256_mul_ps(p, _mm256_castsi256_ps(exponent)));
}
template <std::int64_t Classes>
[[gnu::target("avx2,fma")]] void softmax(std::int64_t rows, const float* y, float* p, float* log_sum) {
    constexpr std::int64_t rest = Classes % 8;
    constexpr int vectors = static_cast<int>(Classes / 8) + (rest != 0 ? 1 : 0);
    constexpr std::int64_t padded = std::int64_t{8} * vectors;
    for (std::int64_t m = 0; m < rows; ++m) {
        // A row in whole vectors, of which what is beyond its end counts nothing.
        alignas(32) float in[padded];
        float largest = y[m * Classes];
        for (std::int64_t n = 0; n < padded; ++n) {
            in[n] = n < Classes ? y[m * Classes + n] : -std::numeric_limits<float>::infinity();
            largest = in[n] > largest || std::isnan(in[n]) ? in[n] : largest;
        }
        __m256 all = _mm256_setzero_ps();
        for (int v = 0; v < vectors; ++v) {
            const __m256 e =
                exp_of_negative(_mm256_sub_ps(_mm256_load_ps(in + 8 * v), _mm256_set1_ps(largest)));
            _mm256_store_ps(in + 8 * v, e);
            all = _mm256_add_ps(all, e);
        }
        const float sum = _mm_cvtss_f32(sums(all, all, all, all));
        for (std::int64_t n = 0; n < Classes; ++n) {
            p[m * Classes + n] = in[n] / sum;
        }
        log_sum[m] = largest + std::log(sum);
    }
}

}  // namespace avx2
#endif

/// Whether a forward product goes along the weight's rows, or with the weight transposed first, which costs a pass over it.
inline constexpr std::int64_t long_row = 64;

template <std::int64_t Columns>
void product(std::int64_t rows, std::int64_t depth, Factor a, const float* b, const float* bias, float* c) {
#if defined(__x86_64__)
    if (avx2::available()) {
        return avx2::product<Columns>(rows, depth, a, b, bias, c);
    }
#endif
    plain::product<Columns>(rows, depth, a, b, bias, c);
}
template <std::int64_t Depth, std::int64_t Columns>
void dots(std::int64_t rows, const float* a, const float* w, const float* bias, float* c) {
#if defined(__x86_64__)
    if constexpr (Columns >= 4) {
        if (avx2::available()) {
            return avx2::dots<Depth, Columns>(rows, a, w, bias, c);
        }
    }
#endif
    plain::dots<Depth, Columns>(rows, a, w, bias, c);
}
inline void relu(std::int64_t count, const float* x, float* y) {
#if defined(__x86_64__)
    if (avx2::available()) {
        return avx2::relu(count, x, y);
    }
#endif
    plain::relu(count, x, y);
}
inline void relu_back(std::int64_t count, const float* y, float* dy) {
#if defined(__x86_64__)
    if (avx2::available()) {
        return avx2::relu_back(count, y, dy);
    }
#endif
    plain::relu_back(count, y, dy);
}
template <std::int64_t Classes>
void softmax(std::int64_t rows, const float* y, float* p, float* log_sum) {
#if defined(__x86_64__)
    if (avx2::available()) {
        return avx2::softmax<Classes>(rows, y, p, log_sum);
    }
#endif
    plain::softmax<Classes>(rows, y, p, log_sum);
}

}  // namespace lit::nn::detail
