// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>

namespace lit {

/// Whether a watched value is better when it is smaller or when it is larger.
enum class Mode : std::uint8_t { minimize, maximize };

/// Python's word for it, as it stands in checkpoints: `min` or `max`.
[[nodiscard]] constexpr std::string_view python_name(Mode mode) {
    return mode == Mode::minimize ? "min" : "max";
}
/// Whether `a` is better than `b`. An equal one is not; nothing is better than nan, and nan better than nothing.
template <std::floating_point T>
[[nodiscard]] constexpr bool is_better(Mode mode, T a, T b) {
    return mode == Mode::minimize ? a < b : a > b;
}
/// What every number is better than: inf or -inf.
template <std::floating_point T>
[[nodiscard]] constexpr T worst_value(Mode mode) {
    return mode == Mode::minimize ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
}

}  // namespace lit
