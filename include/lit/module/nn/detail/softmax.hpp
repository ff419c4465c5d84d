// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/avx2.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lit::nn::detail {

/// The logarithm of the sum of a row's exponentials, less its maximum, and that: their sum would lose the smaller one's digits.
struct LogSum {
    float log_sum;
    float largest;
};

namespace plain {

/// p becomes the softmax of each row of y.
template <std::int64_t Classes>
void softmax(std::int64_t rows, const float* y, float* p, LogSum* log_sums) {
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
        log_sums[m] = {std::log(sum), largest};
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

template <std::int64_t Classes>
[[gnu::target("avx2,fma")]] void softmax(std::int64_t rows, const float* y, float* p, LogSum* log_sums) {
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
        log_sums[m] = {std::log(sum), largest};
    }
}

}  // namespace avx2
#endif

template <std::int64_t Classes>
void softmax(std::int64_t rows, const float* y, float* p, LogSum* log_sums) {
    if (avx2::available()) {
        return avx2::softmax<Classes>(rows, y, p, log_sums);
    }
    plain::softmax<Classes>(rows, y, p, log_sums);
}

}  // namespace lit::nn::detail
