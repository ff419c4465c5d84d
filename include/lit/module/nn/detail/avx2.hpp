// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/processor.hpp>

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>

/// What the kernels of static networks for AVX2 with FMA share; the processor is asked at run time whether it has them, since ATen's
/// vector headers are scalar in a unit that is not itself compiled for AVX2.
namespace lit::nn::detail::avx2 {

inline bool available() { return lit::detail::has_avx2(); }

/// The first lanes, 0 to 8 of them.
[[gnu::target("avx2,fma")]] inline __m256i lanes(std::int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
template <bool Whole, std::int64_t Rest>
[[gnu::target("avx2,fma")]] inline __m256 load(const float* from) {
    if constexpr (Whole) {
        return _mm256_loadu_ps(from);
    } else {
        return _mm256_maskload_ps(from, lanes(Rest));
    }
}
/// Stores the first lanes, 1 to 8 of them; a store with a mask takes a dozen cycles on processors of AMD.
[[gnu::target("avx2,fma")]] inline void store_first(float* to, __m256 value, std::int64_t count) {
    if (count >= 8) {
        _mm256_storeu_ps(to, value);
        return;
    }
    __m128 part = _mm256_castps256_ps128(value);
    if ((count & 4) != 0) {
        _mm_storeu_ps(to, part);
        to += 4;
        part = _mm256_extractf128_ps(value, 1);
    }
    if ((count & 2) != 0) {
        _mm_storel_pi(reinterpret_cast<__m64*>(to), part);
        to += 2;
        part = _mm_movehl_ps(part, part);
    }
    if ((count & 1) != 0) {
        _mm_store_ss(to, part);
    }
}
template <bool Whole, std::int64_t Rest>
[[gnu::target("avx2,fma")]] inline void store(float* to, __m256 value) {
    if constexpr (Whole) {
        _mm256_storeu_ps(to, value);
    } else {
        store_first(to, value, Rest);
    }
}

/// The sums of four vectors' lanes.
[[gnu::target("avx2,fma")]] inline __m128 sums(__m256 a, __m256 b, __m256 c, __m256 d) {
    const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}
/// -|x|.
[[gnu::target("avx2,fma")]] inline __m256 negative_abs(__m256 x) {
    return _mm256_or_ps(x, _mm256_set1_ps(-0.0F));
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

}  // namespace lit::nn::detail::avx2
#else

namespace lit::nn::detail {
namespace plain {

/// There are plain loops alone here, and what asks for AVX2 is given them.
constexpr bool available() { return false; }

}  // namespace plain
namespace avx2 = plain;

}  // namespace lit::nn::detail
#endif
