// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace lit::detail {

/// Appends a double as Python's `repr` prints it: the fewest digits that read back to the same number.
inline void append_float(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "nan";
        return;
    }
    if (std::isinf(value)) {
        out += value < 0 ? "-inf" : "inf";
        return;
    }
    const double size = std::abs(value);
    const bool fixed = size == 0.0 || (size >= 1e-4 && size < 1e16);
    char text[40];
    const auto end = std::to_chars(text, text + sizeof(text), value,
                                   fixed ? std::chars_format::fixed : std::chars_format::scientific);
    const std::string_view digits(text, static_cast<std::size_t>(end.ptr - text));
    out += digits;
    if (fixed && digits.find('.') == std::string_view::npos) {
        out += ".0";
    }
}

inline void append_int(std::string& out, std::int64_t value) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

}  // namespace lit::detail
