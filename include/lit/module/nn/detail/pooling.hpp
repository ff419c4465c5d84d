// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/avx2.hpp>
#include <lit/module/nn/detail/correlation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// What poolings make of one picture, as `Sliding` takes it apart, on float32 of the CPU. The number that the tap t meets lies at
/// offsets[t] from the place. Each has a form of plain loops and one for AVX2 with FMA; that reads up to seven numbers beyond a picture.
namespace lit::nn::detail {

namespace plain {

/// The largest number that each window meets, and which tap meets it: of equal ones the first, and a number that is none before all.
template <std::int64_t Taps>
void largest(Places places, const std::int64_t* offsets, const float* from, float* y, std::int32_t* which) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; ++x) {
            const float* at = from + row * places.row + x;
            *y = at[offsets[0]];
            *which = 0;
            for (std::int32_t t = 1; t < Taps; ++t) {
                const float met = at[offsets[t]];
                if (met > *y || std::isnan(met)) {
                    *y = met;
                    *which = t;
                }
            }
            ++y;
            ++which;
        }
    }
}
/// Adds each gradient to the number that was the largest.
template <std::int64_t Taps>
void largest_back(Places places, const std::int64_t* offsets, const float* dy, const std::int32_t* which,
                  float* to) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; ++x) {
            to[offsets[*which++] + row * places.row + x] += *dy++;
        }
    }
}
/// The sum of what each window meets, divided by the number of taps.
template <std::int64_t Taps>
void mean(Places places, const std::int64_t* offsets, const float* from, float* y) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; ++x) {
            float sum = 0.0F;
            for (std::int64_t t = 0; t < Taps; ++t) {
                sum += from[offsets[t] + row * places.row + x];
            }
            *y++ = sum / static_cast<float>(Taps);
        }
    }
}
/// Adds to each number its share of the gradients of the windows that met it.
template <std::int64_t Taps>
void mean_back(Places places, const std::int64_t* offsets, const float* dy, float* to) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; ++x) {
            const float share = *dy++ / static_cast<float>(Taps);
            for (std::int64_t t = 0; t < Taps; ++t) {
                to[offsets[t] + row * places.row + x] += share;
            }
        }
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

template <std::int64_t Taps>
[[gnu::target("avx2,fma")]] void largest(Places places, const std::int64_t* offsets, const float* from,
                                         float* y, std::int32_t* which) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; x += 8) {
            const float* at = from + row * places.row + x;
            __m256 best = _mm256_loadu_ps(at + offsets[0]);
            __m256 tap = _mm256_setzero_ps();
            for (std::int64_t t = 1; t < Taps; ++t) {
                const __m256 met = _mm256_loadu_ps(at + offsets[t]);
                // Not less than or equal: it is larger, or one of them is a NaN; the best one stays if it is that one alone.
                const __m256 larger =
                    _mm256_or_ps(_mm256_cmp_ps(met, best, _CMP_GT_OQ), _mm256_cmp_ps(met, met, _CMP_UNORD_Q));
                best = _mm256_blendv_ps(best, met, larger);
                tap = _mm256_blendv_ps(tap, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(t))),
                                       larger);
            }
            const std::int64_t count = places.columns - x;
            store_first(y + row * places.columns + x, best, count);
            store_first(reinterpret_cast<float*>(which + row * places.columns + x), tap, count);
        }
    }
}
template <std::int64_t Taps>
[[gnu::target("avx2,fma")]] void largest_back(Places places, const std::int64_t* offsets, const float* dy,
                                              const std::int32_t* which, float* to) {
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; x += 8) {
            const __m256i those = lanes(places.columns - x);
            const __m256 d = _mm256_maskload_ps(dy + row * places.columns + x, those);
            const __m256i tap = _mm256_maskload_epi32(which + row * places.columns + x, those);
            for (std::int64_t t = 0; t < Taps; ++t) {
                float* at = to + offsets[t] + row * places.row + x;
                const __m256 it =
                    _mm256_castsi256_ps(_mm256_cmpeq_epi32(tap, _mm256_set1_epi32(static_cast<int>(t))));
                _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), _mm256_and_ps(it, d)));
            }
        }
    }
}
template <std::int64_t Taps>
[[gnu::target("avx2,fma")]] void mean(Places places, const std::int64_t* offsets, const float* from,
                                      float* y) {
    const __m256 taps = _mm256_set1_ps(static_cast<float>(Taps));
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; x += 8) {
            __m256 sum = _mm256_setzero_ps();
            for (std::int64_t t = 0; t < Taps; ++t) {
                sum = _mm256_add_ps(sum, _mm256_loadu_ps(from + offsets[t] + row * places.row + x));
            }
            store_first(y + row * places.columns + x, _mm256_div_ps(sum, taps), places.columns - x);
        }
    }
}
template <std::int64_t Taps>
[[gnu::target("avx2,fma")]] void mean_back(Places places, const std::int64_t* offsets, const float* dy,
                                           float* to) {
    const __m256 taps = _mm256_set1_ps(static_cast<float>(Taps));
    for (std::int64_t row = 0; row < places.rows; ++row) {
        for (std::int64_t x = 0; x < places.columns; x += 8) {
            const __m256 share = _mm256_div_ps(
                _mm256_maskload_ps(dy + row * places.columns + x, lanes(places.columns - x)), taps);
            for (std::int64_t t = 0; t < Taps; ++t) {
                float* at = to + offsets[t] + row * places.row + x;
                _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), share));
            }
        }
    }
}

}  // namespace avx2
#endif

template <std::int64_t Taps>
void largest(Places places, const std::int64_t* offsets, const float* from, float* y, std::int32_t* which) {
    if (avx2::available()) {
        return avx2::largest<Taps>(places, offsets, from, y, which);
    }
    plain::largest<Taps>(places, offsets, from, y, which);
}
template <std::int64_t Taps>
void largest_back(Places places, const std::int64_t* offsets, const float* dy, const std::int32_t* which,
                  float* to) {
    if (avx2::available()) {
        return avx2::largest_back<Taps>(places, offsets, dy, which, to);
    }
    plain::largest_back<Taps>(places, offsets, dy, which, to);
}
template <std::int64_t Taps>
void mean(Places places, const std::int64_t* offsets, const float* from, float* y) {
    if (avx2::available()) {
        return avx2::mean<Taps>(places, offsets, from, y);
    }
    plain::mean<Taps>(places, offsets, from, y);
}
template <std::int64_t Taps>
void mean_back(Places places, const std::int64_t* offsets, const float* dy, float* to) {
    if (avx2::available()) {
        return avx2::mean_back<Taps>(places, offsets, dy, to);
    }
    plain::mean_back<Taps>(places, offsets, dy, to);
}

}  // namespace lit::nn::detail
