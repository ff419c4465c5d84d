// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace lit::detail {

/// Python's `repr` of a float: the fewest digits that read back to the same number.
[[nodiscard]] LIT_INLINE std::string python_repr(double value);
/// Of a str: in single quotes, unless it holds some and no double ones.
[[nodiscard]] LIT_INLINE std::string python_repr(std::string_view value);
/// Of a `datetime.timedelta`.
[[nodiscard]] LIT_INLINE std::string python_repr(std::chrono::milliseconds value);

/// Python's format specification for numbers: `[[fill]align][sign][0][width][,][.precision][type]`.
///
/// Known   the types d, e, E, f, F, g, G, % and none.
struct FormatSpec {
    char fill = ' ';
    char align = '>';
    char sign = '-';
    char grouping = '\0';
    char type = '\0';
    std::size_t width = 0;
    int precision = -1;

    /// Errors  ConfigError, beginning with `who`.
    static FormatSpec parse(std::string_view text, std::string_view who);

    [[nodiscard]] std::string operator()(double value, bool whole) const;

 private:
    static constexpr int longest = 200;

    [[nodiscard]] std::string unsigned_digits(double value, bool whole) const;
    // A precision without a type: as g, but a float keeps a digit behind its point.
    [[nodiscard]] std::string shortened(double value) const;
    static std::string chars(double value, std::chars_format format, int digits);
    void group(std::string& digits) const;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/python_text.hpp>
#endif
