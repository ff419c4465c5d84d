// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>

namespace lit::detail {

/// Lets glibc keep up to 64 MiB of freed memory, by its own rule: it gives memory back to the system above twice the largest block that
/// was mapped and freed so far. Without that the pages of large activations are returned in each step and asked for again,
/// which may take longer than the convolution that fills them. Whoever has set M_MMAP_THRESHOLD or M_TRIM_THRESHOLD keeps what they set.
inline void keep_freed_memory() {
#if defined(__GLIBC__)
    [[maybe_unused]] static const bool done = [] {
        constexpr std::size_t largest_that_counts = (std::size_t{32} << 20U) - (std::size_t{16} << 10U);
        // Nobody writes into it, so that it costs no memory; volatile, lest the compiler leave both calls out.
        void* const volatile block = std::malloc(largest_that_counts);
        std::free(block);
        return true;
    }();
#endif
}

}  // namespace lit::detail
