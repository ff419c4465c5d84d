// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/avx2.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// The two sums that a convolution and its gradients consist of, on float32 of the CPU. Pictures are as `Sliding` takes them apart. Each
/// sum has a form of plain loops and one for AVX2 with FMA; that reads up to seven numbers beyond a picture, without using them.
namespace lit::nn::detail {

/// The places that a window stands at: `rows` of `columns`; `row` is how far one row lies from the next.
struct Places {
    std::int64_t rows;
    std::int64_t columns;
    std::int64_t row;
};

/// A division of `Count` into groups of at most `Most`, as few as there can be and all of about the same size.
template <std::int64_t Count, std::int64_t Most>
struct Groups {
    static constexpr std::int64_t count = (Count + Most - 1) / Most;

    /// Calls `each(size, begin)` for one of them; the size is a type.
    template <class Each>
    static void call(std::int64_t group, Each&& each) {
        constexpr std::int64_t size = Count / count, larger = Count % count;
        if constexpr (larger > 0) {
            if (group < larger) {
                return each(std::integral_constant<int, static_cast<int>(size + 1)>{}, group * (size + 1));
            }
        }
        each(std::integral_constant<int, static_cast<int>(size)>{}, group * size + larger);
    }
};

namespace plain {

/// y[f, place] = bias[f] + sum over k < depth of weight[f, k] * from[offsets[k] + place], for each of the `Filters`.
template <std::int64_t Filters>
void correlate(Places places, std::int64_t depth, const float* weight, const std::int64_t* offsets,
               const float* bias, const float* from, float* y) {
    for (std::int64_t f = 0; f < Filters; ++f, weight += depth) {
        for (std::int64_t row = 0; row < places.rows; ++row) {
            for (std::int64_t x = 0; x < places.columns; ++x) {
                float sum = bias == nullptr ? 0.0F : bias[f];
                for (std::int64_t k = 0; k < depth; ++k) {
                    sum += weight[k] * from[offsets[k] + row * places.row + x];
                }
                *y++ = sum;
            }
        }
    }
}
/// Adds to by_weight[f, k], for `Taps` of the `depth` numbers of each of `Filters`, the sum over all places of dy[f, place] *
/// from[offsets[k] + place].
template <int Filters, int Taps>
void correlate_back_tile(Places places, const std::int64_t* offsets, const float* dy, const float* from,
                         float* by_weight, std::int64_t depth) {
    for (std::int64_t f = 0; f < Filters; ++f, dy += places.rows * places.columns) {
        for (std::int64_t t = 0; t < Taps; ++t) {
            float sum = 0.0F;
            for (std::int64_t row = 0; row < places.rows; ++row) {
                for (std::int64_t x = 0; x < places.columns; ++x) {
                    sum += dy[row * places.columns + x] * from[offsets[t] + row * places.row + x];
                }
            }
            by_weight[f * depth + t] += sum;
        }
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

/// `Filters` at `Vectors` times eight places, whose sums stay in registers.
template <int Filters, int Vectors>
[[gnu::target("avx2,fma")]] inline void correlate_tile(std::int64_t depth, const float* weight,
                                                       const std::int64_t* offsets, const float* bias,
                                                       const float* const* from, float* const* to,
                                                       std::int64_t plane, std::int64_t lanes) {
    __m256 sum[Filters][Vectors];
#pragma GCC unroll 6
    for (int f = 0; f < Filters; ++f) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            sum[f][v] = bias == nullptr ? _mm256_setzero_ps() : _mm256_broadcast_ss(bias + f);
        }
    }
    for (std::int64_t k = 0; k < depth; ++k) {
        const std::int64_t offset = offsets[k];
        __m256 met[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            met[v] = _mm256_loadu_ps(from[v] + offset);
        }
#pragma GCC unroll 6
        for (int f = 0; f < Filters; ++f) {
            const __m256 factor = _mm256_broadcast_ss(weight + f * depth + k);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                sum[f][v] = _mm256_fmadd_ps(factor, met[v], sum[f][v]);
            }
        }
    }
#pragma GCC unroll 6
    for (int f = 0; f < Filters; ++f) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            store_first(to[v] + f * plane, sum[f][v], lanes);
        }
    }
}
template <int Filters>
[[gnu::target("avx2,fma")]] void correlate_rows(Places places, std::int64_t depth, const float* weight,
                                                const std::int64_t* offsets, const float* bias,
                                                const float* from, float* y) {
    constexpr int vectors = Filters <= 2 ? 4 : Filters == 3 ? 3 : 2;
    const std::int64_t plane = places.rows * places.columns;
    const std::int64_t lanes = std::min<std::int64_t>(8, places.columns);
    // The last vector of a row ends with it, and computes some places again.
    const std::int64_t last = places.columns - lanes;
    const float* begins[vectors];
    float* ends[vectors];
    int filled = 0;
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0;; x = std::min(x + 8, last)) {
            begins[filled] = from + row * places.row + x;
            ends[filled] = y + row * places.columns + x;
            if (++filled == vectors) {
                correlate_tile<Filters, vectors>(depth, weight, offsets, bias, begins, ends, plane, lanes);
                filled = 0;
            }
            if (x == last) {
                break;
            }
        }
    }
    for (int v = 0; v < filled; ++v) {
        correlate_tile<Filters, 1>(depth, weight, offsets, bias, begins + v, ends + v, plane, lanes);
    }
}
template <std::int64_t Filters>
void correlate(Places places, std::int64_t depth, const float* weight, const std::int64_t* offsets,
               const float* bias, const float* from, float* y) {
    using Together = Groups<Filters, 6>;
    for (std::int64_t group = 0; group < Together::count; ++group) {
        Together::call(group, [&](auto size, std::int64_t f) {
            correlate_rows<size.value>(places, depth, weight + f * depth, offsets,
                                       bias == nullptr ? nullptr : bias + f, from,
                                       y + f * places.rows * places.columns);
        });
    }
}

template <int Filters, int Taps>
[[gnu::target("avx2,fma")]] void correlate_back_tile(Places places, const std::int64_t* offsets,
                                                     const float* dy, const float* from, float* by_weight,
                                                     std::int64_t depth) {
    const std::int64_t plane = places.rows * places.columns;
    const std::int64_t rest = places.columns % 8;
    const __m256i those = lanes(rest);
    __m256 sum[Filters][4];
#pragma GCC unroll 3
    for (int f = 0; f < Filters; ++f) {
#pragma GCC unroll 4
        for (int t = 0; t < 4; ++t) {
            sum[f][t] = _mm256_setzero_ps();
        }
    }
    const float* met[Taps];
    for (int t = 0; t < Taps; ++t) {
        met[t] = from + offsets[t];
    }
    for (std::int64_t row = 0; row < places.rows; ++row, dy += places.columns) {
        std::int64_t x = 0;
        for (; x + 8 <= places.columns; x += 8) {
            __m256 d[Filters];
#pragma GCC unroll 3
            for (int f = 0; f < Filters; ++f) {
                d[f] = _mm256_loadu_ps(dy + f * plane + x);
            }
#pragma GCC unroll 4
            for (int t = 0; t < Taps; ++t) {
                const __m256 value = _mm256_loadu_ps(met[t] + row * places.row + x);
#pragma GCC unroll 3
                for (int f = 0; f < Filters; ++f) {
                    sum[f][t] = _mm256_fmadd_ps(d[f], value, sum[f][t]);
                }
            }
        }
        if (rest != 0) {
            __m256 d[Filters];
#pragma GCC unroll 3
            for (int f = 0; f < Filters; ++f) {
                d[f] = _mm256_maskload_ps(dy + f * plane + x, those);
            }
#pragma GCC unroll 4
            for (int t = 0; t < Taps; ++t) {
                const __m256 value = _mm256_maskload_ps(met[t] + row * places.row + x, those);
#pragma GCC unroll 3
                for (int f = 0; f < Filters; ++f) {
                    sum[f][t] = _mm256_fmadd_ps(d[f], value, sum[f][t]);
                }
            }
        }
    }
#pragma GCC unroll 3
    for (int f = 0; f < Filters; ++f) {
        float totals[4];
        _mm_storeu_ps(totals, sums(sum[f][0], sum[f][1], sum[f][2], sum[f][3]));
        for (int t = 0; t < Taps; ++t) {
            by_weight[f * depth + t] += totals[t];
        }
    }
}

}  // namespace avx2
#endif

template <std::int64_t Filters>
void correlate(Places places, std::int64_t depth, const float* weight, const std::int64_t* offsets,
               const float* bias, const float* from, float* y) {
    if (avx2::available()) {
        return avx2::correlate<Filters>(places, depth, weight, offsets, bias, from, y);
    }
    plain::correlate<Filters>(places, depth, weight, offsets, bias, from, y);
}
/// Adds to by_weight[f, k] the sum over all places of dy[f, place] * from[offsets[k] + place], for the tiles [begin, end) of the
/// `tiles` that it consists of.
template <std::int64_t Filters, std::int64_t Depth>
struct CorrelateBack {
    static constexpr std::int64_t tiles = Groups<Filters, 3>::count * Groups<Depth, 4>::count;

    static void run(std::int64_t begin, std::int64_t end, Places places, const std::int64_t* offsets,
                    const float* dy, const float* from, float* by_weight) {
        const std::int64_t plane = places.rows * places.columns;
        for (std::int64_t tile = begin; tile < end; ++tile) {
            Groups<Filters, 3>::call(tile / Groups<Depth, 4>::count, [&](auto filters, std::int64_t f) {
                Groups<Depth, 4>::call(tile % Groups<Depth, 4>::count, [&](auto taps, std::int64_t k) {
                    const float* by_filters = dy + f * plane;
                    float* to = by_weight + f * Depth + k;
                    if (avx2::available()) {
                        return avx2::correlate_back_tile<filters.value, taps.value>(
                            places, offsets + k, by_filters, from, to, Depth);
                    }
                    plain::correlate_back_tile<filters.value, taps.value>(places, offsets + k, by_filters,
                                                                          from, to, Depth);
                });
            });
        }
    }
};

}  // namespace lit::nn::detail
