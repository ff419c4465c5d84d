// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
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

/// The double of the shortest decimal that stands for a number: 0.3F is meant as 0.3, which is another double than the float is.
template <std::floating_point Float>
double as_written(Float number) {
    if constexpr (std::same_as<Float, float>) {
        char text[32];
        const char* const end = std::to_chars(text, text + sizeof(text), number).ptr;
        double meant = 0.0;
        std::from_chars(text, end, meant);
        return meant;
    } else {
        return static_cast<double>(number);
    }
}

}  // namespace lit::detail
