// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace lit::detail {

LIT_INLINE std::string python_repr(double value) {
    if (!std::isfinite(value)) {
        return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    }
    const double size = std::abs(value);
    const bool fixed = size == 0.0 || (size >= 1e-4 && size < 1e16);
    char text[40];
    const auto end = std::to_chars(text, text + sizeof(text), value,
                                   fixed ? std::chars_format::fixed : std::chars_format::scientific);
    std::string digits(text, end.ptr);
    return fixed && digits.find('.') == std::string::npos ? digits + ".0" : digits;
}

LIT_INLINE std::string python_repr(std::string_view value) {
    const bool has_single = value.find('\'') != std::string_view::npos;
    const char quote = has_single && value.find('"') == std::string_view::npos ? '"' : '\'';
    std::string text(1, quote);
    for (const char c : value) {
        if (c == quote || c == '\\') {
            text += '\\';
        }
        text += c;
    }
    return text + quote;
}

LIT_INLINE std::string python_repr(std::chrono::milliseconds value) {
    const std::int64_t total = value.count() * 1000;
    constexpr std::int64_t second = 1000000;
    constexpr std::int64_t day = 86400 * second;
    std::string parts;
    const auto add = [&parts](const char* name, std::int64_t count) {
        if (count != 0) {
            parts += (parts.empty() ? "" : ", ") + std::string(name) + "=" + std::to_string(count);
        }
    };
    add("days", total / day);
    add("seconds", total % day / second);
    add("microseconds", total % second);
    return "datetime.timedelta(" + (parts.empty() ? "0" : parts) + ")";
}

LIT_INLINE FormatSpec FormatSpec::parse(std::string_view text, std::string_view who) {
    constexpr std::string_view aligns = "<>=^";
    constexpr std::string_view types = "deEfFgG%";
    const std::string_view whole = text;
    FormatSpec spec;
    const auto take_one_of = [&text](std::string_view some, char& where) {
        if (!text.empty() && some.find(text.front()) != std::string_view::npos) {
            where = text.front();
            text.remove_prefix(1);
            return true;
        }
        return false;
    };
    const auto take_number = [&text](auto& where) {
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), where);
        const bool found = parsed.ptr != text.data() && parsed.ec == std::errc{};
        text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
        return found;
    };
    if (text.size() >= 2 && aligns.find(text[1]) != std::string_view::npos) {
        spec.fill = text[0];
        spec.align = text[1];
        text.remove_prefix(2);
    } else {
        take_one_of(aligns, spec.align);
    }
    take_one_of("+- ", spec.sign);
    if (text.starts_with('0')) {
        spec.fill = '0';
        spec.align = '=';
    }
    if (!text.empty() && text.front() != '-') {
        take_number(spec.width);
    }
    take_one_of(",_", spec.grouping);
    bool fine = spec.width <= longest && spec.precision <= longest;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fine = fine && !text.starts_with('-') && take_number(spec.precision) && spec.precision <= longest;
    }
    take_one_of(types, spec.type);
    if (!fine || !text.empty()) {
        throw ConfigError(
            std::string(who) + ": \"" + std::string(whole) +
            "\" is no format of a number. Known: [[fill]align][sign][0][width][,][.precision][type] "
            "with a type of d, e, f, g, %; for instance 02d or .3f.");
    }
    return spec;
}

LIT_INLINE std::string FormatSpec::operator()(double value, bool whole) const {
    const bool negative = std::signbit(value) && !std::isnan(value);
    std::string digits = unsigned_digits(std::abs(value), whole);
    if (grouping != '\0' && std::isfinite(value)) {
        group(digits);
    }
    const std::string mark = negative ? "-" : sign == '-' ? "" : std::string(1, sign);
    const std::size_t size = mark.size() + digits.size();
    const std::size_t missing = width > size ? width - size : 0;
    switch (align) {
        case '<':
            return mark + digits + std::string(missing, fill);
        case '=':
            return mark + std::string(missing, fill) + digits;
        case '^':
            return std::string(missing / 2, fill) + mark + digits +
                   std::string(missing - missing / 2, fill);
        default:
            return std::string(missing, fill) + mark + digits;
    }
}

LIT_INLINE std::string FormatSpec::unsigned_digits(double value, bool whole) const {
    if (type == 'd' || (type == '\0' && whole && precision < 0)) {
        return std::to_string(static_cast<std::int64_t>(value));
    }
    std::string text;
    if (!std::isfinite(value)) {
        text = std::isnan(value) ? "nan" : "inf";
    } else if (type == '\0') {
        text = precision < 0 ? python_repr(value) : shortened(value);
    } else {
        const int digits = precision < 0 ? 6 : precision;
        text = type == '%'                  ? chars(value * 100.0, std::chars_format::fixed, digits)
               : type == 'f' || type == 'F' ? chars(value, std::chars_format::fixed, digits)
               : type == 'e' || type == 'E' ? chars(value, std::chars_format::scientific, digits)
                                            : chars(value, std::chars_format::general, digits);
    }
    if (type == 'E' || type == 'F' || type == 'G') {
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
    }
    return type == '%' ? text + "%" : text;
}

LIT_INLINE std::string FormatSpec::shortened(double value) const {
    const int digits = std::max(precision, 1);
    std::string text = chars(value, std::chars_format::general, digits);
    if (text.find_first_of("e.") != std::string::npos) {
        return text;
    }
    if (static_cast<int>(text.size()) < digits) {
        return text + ".0";
    }
    text = chars(value, std::chars_format::scientific, digits - 1);
    const std::size_t exponent = text.find('e');
    std::string mantissa = text.substr(0, exponent);
    if (mantissa.find('.') != std::string::npos) {
        mantissa.erase(mantissa.find_last_not_of('0') + 1);
        mantissa.erase(mantissa.find_last_not_of('.') + 1);
    }
    return mantissa + text.substr(exponent);
}

LIT_INLINE std::string FormatSpec::chars(double value, std::chars_format format, int digits) {
    std::string text(600, '\0');  // 309 digits before the point, at most 200 behind it
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format, digits);
    text.resize(static_cast<std::size_t>(end.ptr - text.data()));
    return text;
}

LIT_INLINE void FormatSpec::group(std::string& digits) const {
    std::size_t at = digits.find_first_not_of("0123456789");
    at = at == std::string::npos ? digits.size() : at;
    while (at > 3) {
        at -= 3;
        digits.insert(at, 1, grouping);
    }
}

}  // namespace lit::detail
