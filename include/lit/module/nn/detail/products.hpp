// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/threads.hpp>
#include <lit/module/nn/detail/avx2.hpp>

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Products of matrices for static networks of small sizes, on float32 of the CPU: sizes of samples are known to the compiler, that of
/// the batch is not. Each has a form of plain loops and one for AVX2 with FMA.
///
/// The sums are those of ATen's kernels in another order: what comes out differs by some ulps.
namespace lit::nn::detail {

namespace threads = lit::detail::threads;

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
/// c[m, n] = bias[n] + sum over k of a[m, k] * w[n, k] for the columns n from `first` to before `last`; w is
/// [Columns, Depth].
template <std::int64_t Depth, std::int64_t Columns>
void dots(std::int64_t rows, const float* a, const float* w, const float* bias, float* c, std::int64_t first,
          std::int64_t last) {
    for (std::int64_t m = 0; m < rows; ++m) {
        for (std::int64_t n = first; n < last; ++n) {
            float sum = bias == nullptr ? 0.0F : bias[n];
            for (std::int64_t k = 0; k < Depth; ++k) {
                sum += a[m * Depth + k] * w[n * Depth + k];
            }
            c[m * Columns + n] = sum;
        }
    }
}

}  // namespace plain

#if defined(__x86_64__)
namespace avx2 {

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
[[gnu::target("avx2,fma")]] inline void dot_rows(const float* a, const float* w, const float* bias, float* c,
                                                 std::int64_t first, std::int64_t last) {
    constexpr std::int64_t rest = Columns % 4;
    float out[Rows][4];
    for (std::int64_t n = first; n < last; n += 4) {
        // The last columns that are fewer than four are computed with those before them, which another thread may be writing.
        const std::int64_t from = rest != 0 && n + 4 > Columns ? Columns - 4 : n;
        const std::int64_t begin = rest != 0 && from < first ? first - from : 0;
        dot_tile<Rows, Depth>(a, w + from * Depth, out);
        for (int r = 0; r < Rows; ++r) {
            for (std::int64_t i = begin; i < 4; ++i) {
                c[r * Columns + from + i] = out[r][i] + (bias == nullptr ? 0.0F : bias[from + i]);
            }
        }
    }
}
/// Columns of four or more; `first` is a multiple of four.
template <std::int64_t Depth, std::int64_t Columns>
[[gnu::target("avx2,fma")]] void dots(std::int64_t rows, const float* a, const float* w, const float* bias,
                                      float* c, std::int64_t first, std::int64_t last) {
    std::int64_t m = 0;
    for (; m + 3 <= rows; m += 3) {
        dot_rows<3, Depth, Columns>(a + m * Depth, w, bias, c + m * Columns, first, last);
    }
    for (; m < rows; ++m) {
        dot_rows<1, Depth, Columns>(a + m * Depth, w, bias, c + m * Columns, first, last);
    }
}

}  // namespace avx2
#endif

/// Whether a forward product goes along the weight's rows, or with the weight transposed first, which costs a pass over it.
inline constexpr std::int64_t long_row = 64;

template <std::int64_t Columns>
void product(std::int64_t rows, std::int64_t depth, Factor a, const float* b, const float* bias, float* c) {
    constexpr std::int64_t together = 6;  // rows, whose sums stay in registers
    threads::in_parts(
        threads::parts_of(rows * depth * Columns), rows, together, [&](auto begin, auto end, auto /*part*/) {
            const Factor from{a.data + begin * a.row, a.row, a.step};
            float* to = c + begin * Columns;
            if (avx2::available() && depth > 0) {  // without a sample there may be no memory to point into
                return avx2::product<Columns>(end - begin, depth, from, b, bias, to);
            }
            plain::product<Columns>(end - begin, depth, from, b, bias, to);
        });
}
/// Threads share the longer side. Where these are the columns, a thread meets nearly those rows of the weight whose gradient
/// it computes, and which it updates where Adam's work is shared, too: what one core has written costs the other as much as
/// many sums.
template <std::int64_t Depth, std::int64_t Columns>
void dots(std::int64_t rows, const float* a, const float* w, const float* bias, float* c) {
    const auto some = [=](std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last) {
        const float* from = a + begin * Depth;
        float* to = c + begin * Columns;
        if constexpr (Columns >= 4) {
            if (avx2::available()) {
                return avx2::dots<Depth, Columns>(end - begin, from, w, bias, to, first, last);
            }
        }
        plain::dots<Depth, Columns>(end - begin, from, w, bias, to, first, last);
    };
    const std::int64_t parts = threads::parts_of(rows * Depth * Columns);
    if (Columns > rows) {
        constexpr std::int64_t together = 4;  // columns, whose sums stay in registers
        threads::in_parts(parts, Columns, together,
                          [&](auto first, auto last, auto /*part*/) { some(0, rows, first, last); });
    } else {
        constexpr std::int64_t together = 3;  // rows
        threads::in_parts(parts, rows, together,
                          [&](auto begin, auto end, auto /*part*/) { some(begin, end, 0, Columns); });
    }
}

}  // namespace lit::nn::detail
