// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lit::detail {

/// Whether this processor has AVX2 with FMA. It is asked at run time: a program that is compiled for every x86-64 may use what is there.
inline bool has_avx2() {
#if defined(__x86_64__)
    static const bool known = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    return known;
#else
    return false;
#endif
}

}  // namespace lit::detail
