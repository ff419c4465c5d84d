// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>
#include <c10/util/FunctionRef.h>

#include <algorithm>
#include <cstdint>

/// Dividing the work of lit's own kernels among the threads that ATen's kernels run in. What a number is computed from, and in which
/// order, does not depend on how many there are.
namespace lit::detail::threads {

/// Into how many parts so many multiplications are divided: one for each thread, but none smaller than what is worth waking one for,
/// some five microseconds.
inline std::int64_t parts_of(std::int64_t multiplications) {
    constexpr std::int64_t least = std::int64_t{1} << 18;
    return multiplications < 2 * least
               ? 1
               : std::min<std::int64_t>(multiplications / least, at::get_num_threads());
}
/// What a number that is loaded, changed and stored counts as.
inline constexpr std::int64_t work_per_number = 16;

/// Calls `body` with each of 0 to parts - 1, at once in ATen's threads; one after the other where it is called from inside of one.
void at_once(std::int64_t parts, c10::function_ref<void(std::int64_t)> body);

/// Calls `body(begin, end, part)` for ranges that are [0, count) together. They begin at multiples of `step`.
template <class Body>
void in_parts(std::int64_t parts, std::int64_t count, std::int64_t step, Body&& body) {
    if (parts <= 1) {
        body(std::int64_t{0}, count, std::int64_t{0});
        return;
    }
    const std::int64_t steps = (count + step - 1) / step;
    at_once(parts, [&](std::int64_t part) {
        const std::int64_t begin = steps * part / parts * step;
        const std::int64_t end = std::min(count, steps * (part + 1) / parts * step);
        if (begin < end) {
            body(begin, end, part);
        }
    });
}

}  // namespace lit::detail::threads

#if !defined(LIT_COMPILED)
#include <lit/core/impl/threads.hpp>
#endif
