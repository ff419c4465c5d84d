// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace lit {

/// A string that can be a template argument: the names of metrics and monitors.
///
/// Units   `size()` counts bytes without the terminating zero.
template <std::size_t N>
struct FixedString {
    char text[N]{};

    constexpr FixedString() = default;
    // Implicit, so that a literal can stand where a FixedString is a template argument.
    constexpr FixedString(const char (&literal)[N]) { std::copy_n(literal, N, text); }  // NOLINT

    [[nodiscard]] constexpr std::size_t size() const { return N - 1; }
    [[nodiscard]] constexpr bool empty() const { return N == 1; }
    [[nodiscard]] constexpr std::string_view view() const { return {text, N - 1}; }
    constexpr operator std::string_view() const { return view(); }  // NOLINT: it is one

    template <std::size_t M>
    [[nodiscard]] constexpr bool operator==(const FixedString<M>& other) const {
        return view() == other.view();
    }
};

template <std::size_t N>
FixedString(const char (&)[N]) -> FixedString<N>;

}  // namespace lit
