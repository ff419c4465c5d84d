// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
#include <lit/module/nn/detail/avx2.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Functions of single numbers and their gradients, on float32 of the CPU. Each is a type with two forms: plain() of one number, and
/// with AVX2 and FMA vector() of eight. Of what is no number a function gives none.
namespace lit::nn::detail {

namespace threads = lit::detail::threads;

struct ReluKernel {
    static float plain(float x) { return x < 0.0F ? 0.0F : x; }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x) {
        // Where one of its operands is a NaN, maxps takes the second.
        return _mm256_max_ps(_mm256_setzero_ps(), x);
    }
#endif
};
/// Of the output and its gradient.
struct ReluBackKernel {
    static float plain(float y, float dy) { return y <= 0.0F ? 0.0F : dy; }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 y, __m256 dy) {
        return _mm256_andnot_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LE_OQ), dy);
    }
#endif
};

struct SigmoidKernel {
    static float plain(float x) { return 1.0F / (1.0F + std::exp(-x)); }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x) {
        const __m256 one = _mm256_set1_ps(1.0F);
        const __m256 e = avx2::exp_of_negative(avx2::negative_abs(x));
        const __m256 below = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
        return _mm256_div_ps(_mm256_blendv_ps(one, e, below), _mm256_add_ps(one, e));
    }
#endif
};
/// Of the output and its gradient.
struct SigmoidBackKernel {
    static float plain(float y, float dy) { return dy * (1.0F - y) * y; }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 y, __m256 dy) {
        return _mm256_mul_ps(_mm256_mul_ps(dy, _mm256_sub_ps(_mm256_set1_ps(1.0F), y)), y);
    }
#endif
};

struct TanhKernel {
    static float plain(float x) { return std::tanh(x); }
#if defined(__x86_64__)
    /// Source  for small numbers the polynomial of Cephes' tanhf, where 1 - e^-2x would cancel.
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x) {
        const __m256 one = _mm256_set1_ps(1.0F);
        const __m256 negative = avx2::negative_abs(x);
        const __m256 e = avx2::exp_of_negative(_mm256_add_ps(negative, negative));
        const __m256 large = _mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e));
        const __m256 square = _mm256_mul_ps(x, x);
        __m256 p = _mm256_set1_ps(-5.70498872745e-3F);
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(2.06390887954e-2F));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(-5.37397155531e-2F));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(1.33314422036e-1F));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(-3.33332819422e-1F));
        const __m256 small = _mm256_fmadd_ps(_mm256_mul_ps(p, square), x, x);
        const __m256 sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0F));
        const __m256 is_small = _mm256_cmp_ps(negative, _mm256_set1_ps(-0.625F), _CMP_GT_OQ);
        return _mm256_blendv_ps(_mm256_or_ps(large, sign), small, is_small);
    }
#endif
};
/// Of the output and its gradient.
struct TanhBackKernel {
    static float plain(float y, float dy) { return dy * (1.0F - y * y); }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 y, __m256 dy) {
        return _mm256_mul_ps(dy, _mm256_fnmadd_ps(y, y, _mm256_set1_ps(1.0F)));
    }
#endif
};

inline constexpr float one_over_sqrt_2 = 0.70710678F;
inline constexpr float one_over_sqrt_2_pi = 0.39894228F;

#if defined(__x86_64__)
namespace avx2 {

struct Normal {
    __m256 share;    ///< of the normal distribution that lies below x
    __m256 density;  ///< at x
};
/// The share beyond |x| is half of erfc(u) at u = |x| / sqrt(2), and that is e^(-u^2) t times a function of t = 1 / (1 + 0.3 u), for
/// which a polynomial of the eighth degree is enough: fitted over u from 0 to 9.5, it is off by 2e-8 of the value at most.
[[gnu::target("avx2,fma")]] inline Normal normal(__m256 x) {
    const __m256 one = _mm256_set1_ps(1.0F);
    const __m256 negative = negative_abs(x);
    const __m256 e = exp_of_negative(_mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(-0.5F)), x));
    const __m256 t = _mm256_div_ps(one, _mm256_fnmadd_ps(negative, _mm256_set1_ps(0.21213203F), one));
    __m256 p = _mm256_set1_ps(-6.471729887e-02F);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(2.425494844e-01F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-2.556158188e-01F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(2.732004770e-01F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-4.681764299e-02F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.072189821e-01F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(7.424100637e-02F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(8.534599519e-02F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(8.459480591e-02F));
    const __m256 beyond = _mm256_mul_ps(_mm256_mul_ps(p, t), e);
    const __m256 above = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ);
    return {_mm256_blendv_ps(beyond, _mm256_sub_ps(one, beyond), above),
            _mm256_mul_ps(e, _mm256_set1_ps(one_over_sqrt_2_pi))};
}

}  // namespace avx2
#endif

struct GeluKernel {
    static float plain(float x) { return x * 0.5F * std::erfc(-x * one_over_sqrt_2); }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x) {
        return _mm256_mul_ps(x, avx2::normal(x).share);
    }
#endif
};
/// Of the input and the output's gradient.
struct GeluBackKernel {
    static float plain(float x, float dy) {
        const float share = 0.5F * std::erfc(-x * one_over_sqrt_2);
        return dy * (share + x * one_over_sqrt_2_pi * std::exp(-0.5F * x * x));
    }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x, __m256 dy) {
        const avx2::Normal normal = avx2::normal(x);
        return _mm256_mul_ps(dy, _mm256_fmadd_ps(x, normal.density, normal.share));
    }
#endif
};

/// Of a number and 1 or 0, for whether it is kept; those that are get as much larger as others are dropped with the probability `P`.
template <double P>
struct DropoutKernel {
    static constexpr float factor = P < 1.0 ? static_cast<float>(1.0 / (1.0 - P)) : 0.0F;
    static float plain(float x, float kept) { return x * (kept * factor); }
#if defined(__x86_64__)
    [[gnu::target("avx2,fma")]] static __m256 vector(__m256 x, __m256 kept) {
        return _mm256_mul_ps(x, _mm256_mul_ps(kept, _mm256_set1_ps(factor)));
    }
#endif
};

namespace plain {

template <class Kernel>
void map(std::int64_t count, const float* x, float* y) {
    std::transform(x, x + count, y, Kernel::plain);
}
template <class Kernel>
void zip(std::int64_t count, const float* a, const float* b, float* to) {
    std::transform(a, a + count, b, to, Kernel::plain);
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

template <class Kernel>
[[gnu::target("avx2,fma")]] void map(std::int64_t count, const float* x, float* y) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(y + i, Kernel::vector(_mm256_loadu_ps(x + i)));
    }
    if (i < count) {
        const __m256i rest = lanes(count - i);
        store_first(y + i, Kernel::vector(_mm256_maskload_ps(x + i, rest)), count - i);
    }
}
template <class Kernel>
[[gnu::target("avx2,fma")]] void zip(std::int64_t count, const float* a, const float* b, float* to) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(to + i, Kernel::vector(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    }
    if (i < count) {
        const __m256i rest = lanes(count - i);
        store_first(to + i, Kernel::vector(_mm256_maskload_ps(a + i, rest), _mm256_maskload_ps(b + i, rest)),
                    count - i);
    }
}

}  // namespace avx2
#endif

/// What parts of a batch begin at.
inline constexpr std::int64_t vector_size = 8;

/// y[i] = Kernel of x[i]; y may be x.
template <class Kernel>
void map(std::int64_t count, const float* x, float* y) {
    threads::in_parts(threads::parts_of(count * threads::work_per_number), count, vector_size,
                      [=](auto begin, auto end, auto /*part*/) {
                          if (avx2::available()) {
                              return avx2::map<Kernel>(end - begin, x + begin, y + begin);
                          }
                          plain::map<Kernel>(end - begin, x + begin, y + begin);
                      });
}
/// to[i] = Kernel of a[i] and b[i]; `to` may be one of them.
template <class Kernel>
void zip(std::int64_t count, const float* a, const float* b, float* to) {
    threads::in_parts(threads::parts_of(count * threads::work_per_number), count, vector_size,
                      [=](auto begin, auto end, auto /*part*/) {
                          if (avx2::available()) {
                              return avx2::zip<Kernel>(end - begin, a + begin, b + begin, to + begin);
                          }
                          plain::zip<Kernel>(end - begin, a + begin, b + begin, to + begin);
                      });
}

}  // namespace lit::nn::detail
