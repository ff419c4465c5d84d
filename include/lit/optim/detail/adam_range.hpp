// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/optim/detail/adam_settings.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)

namespace lit::detail::adam {

/// What the kernel needs to know of the settings and the step, rounded as LibTorch rounds it.
struct Numbers {
    Numbers(const AdamSettings& s, double step)
        : keep(static_cast<float>(s.decoupled && s.weight_decay != 0.0 ? std::fma(-s.lr, s.weight_decay, 1.0)
                                                                       : 1.0)),
          decay(static_cast<float>(s.weight_decay)),
          coupled(!s.decoupled && s.weight_decay != 0.0),
          weight(static_cast<float>(1 - s.beta1)),
          beta2(static_cast<float>(s.beta2)),
          weight2(static_cast<float>(1 - s.beta2)),
          root(static_cast<float>(std::sqrt(1 - std::pow(s.beta2, step)))),
          inverse(1.0F / root),
          inverse_rest(static_cast<float>(1.0 / static_cast<double>(root) - static_cast<double>(inverse))),
          eps(static_cast<float>(s.eps)),
          rate(static_cast<float>(s.lr / (1 - std::pow(s.beta1, step)))) {}

    float keep;    ///< of the parameter
    float decay;   ///< of the parameter, to the gradient
    bool coupled;  ///< whether it goes there
    float weight;  ///< of the gradient in its mean
    float beta2;
    float weight2;       ///< of the gradient's square in its mean
    float root;          ///< by which the root of that mean is divided
    float inverse;       ///< 1 / root
    float inverse_rest;  ///< what of it was rounded away
    float eps;
    float rate;
};

/// Eight floats. <immintrin.h>, which calls them __m256, costs a unit a third of a second.
using Floats = float __attribute__((vector_size(32)));

[[gnu::target("avx2,fma"), gnu::always_inline]] inline Floats eight(float x) {
    return Floats{x, x, x, x, x, x, x, x};
}
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Floats load_eight(const float* from) {
    Floats loaded;  // from any address: a gradient may be a part of a larger one
    std::memcpy(&loaded, from, sizeof(loaded));
    return loaded;
}
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void store_eight(float* to, Floats x) {
    std::memcpy(to, &x, sizeof(x));
}
/// a * b + c, rounded once.
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Floats fused(Floats a, Floats b, Floats c) {
#if defined(__clang__)
    return __builtin_elementwise_fma(a, b, c);
#else
    return __builtin_ia32_vfmaddps256(a, b, c);
#endif
}
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Floats square_root(Floats x) {
#if defined(__clang__)
    return __builtin_elementwise_sqrt(x);
#else
    return __builtin_ia32_sqrtps256(x);
#endif
}
/// A compiler may fuse a product with the sum that it goes into, which this keeps it from.
template <class Number>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Number rounded(Number product) {
    asm("" : "+x"(product));
    return product;
}

/// x / root, rounded correctly.
///
/// x * (inverse + inverse_rest) is at most one unit off; what is left over of x after it is exact, and inverse is 1 / root
/// rounded: adding left-over times inverse gives the quotient rounded (Markstein's theorem; tests/optim/adam_kernel.cpp tries
/// all mantissas with some roots, and such as are rounded to the wrong side otherwise).
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Floats by_root(Floats x, Floats root, Floats inverse,
                                                                      Floats inverse_rest) {
    const Floats near = fused(x, inverse, rounded(x * inverse_rest));
    const Floats left = fused(-near, root, x);
    const Floats quotient = fused(left, inverse, near);
    return x <= std::numeric_limits<float>::max() ? quotient : x;  // infinity and NaN stay what they are
}

template <bool Coupled, bool NearMean>
[[gnu::target("avx2,fma")]] inline void update(const Numbers& c, float* param, const float* grad,
                                               float* exp_avg, float* exp_avg_sq, std::int64_t count) {
    const Floats keep = eight(c.keep);
    const Floats decay = eight(c.decay);
    const Floats weight = eight(NearMean ? c.weight : c.weight - 1.0F);
    const Floats beta2 = eight(c.beta2);
    const Floats weight2 = eight(c.weight2);
    const Floats root = eight(c.root);
    const Floats inverse = eight(c.inverse);
    const Floats inverse_rest = eight(c.inverse_rest);
    const Floats eps = eight(c.eps);
    const Floats rate = eight(-c.rate);
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const Floats p = load_eight(param + i);
        Floats g = load_eight(grad + i);
        if constexpr (Coupled) {
            g = fused(p, decay, g);
        }
        Floats m = load_eight(exp_avg + i);
        m = fused(weight, g - m, NearMean ? m : g);
        const Floats v = fused(rounded(weight2 * g), g, rounded(load_eight(exp_avg_sq + i) * beta2));
        store_eight(exp_avg + i, m);
        store_eight(exp_avg_sq + i, v);
        const Floats below = by_root(square_root(v), root, inverse, inverse_rest) + eps;
        store_eight(param + i, rate * m / below + rounded(p * keep));
    }
    for (; i < count; ++i) {  // LibTorch's rest goes other ways here and there, and so does this
        float g = grad[i];
        if constexpr (Coupled) {
            g = std::fma(param[i], c.decay, g);
        }
        const float m = NearMean ? std::fma(g - exp_avg[i], c.weight, exp_avg[i])
                                 : std::fma(-(g - exp_avg[i]), 1.0F - c.weight, g);
        const float square = rounded(rounded(c.weight2 * g) * g);
        const float v = std::fma(exp_avg_sq[i], c.beta2, square);
        exp_avg[i] = m;
        exp_avg_sq[i] = v;
        const float below = std::sqrt(v) / c.root + c.eps;
        param[i] = rounded(param[i] * c.keep) - c.rate * m / below;
    }
}

}  // namespace lit::detail::adam

#endif
