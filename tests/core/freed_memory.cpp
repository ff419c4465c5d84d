// SPDX-License-Identifier: Apache-2.0
#include <lit/core/freed_memory.hpp>

#include "support/doctest.hpp"

#include <cstddef>
#include <cstdlib>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <malloc.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIT_TEST_OTHER_MALLOC
#endif
#endif

#if !defined(LIT_TEST_OTHER_MALLOC)
TEST_SUITE("core/freed_memory") {
    TEST_CASE("a large block that was freed stays in the process, for the next one") {
        lit::detail::keep_freed_memory();
        const std::size_t mapped = ::mallinfo2().hblkhd;
        void* const volatile block = std::malloc(std::size_t{24} << 20U);
        CHECK(::mallinfo2().hblkhd == mapped);  // it came from the heap
        const std::size_t heap = ::mallinfo2().arena;
        std::free(block);
        CHECK(::mallinfo2().arena == heap);  // and that was not made smaller
    }
}
#endif
#endif
