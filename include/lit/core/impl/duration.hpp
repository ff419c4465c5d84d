// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/duration.hpp>
#include <lit/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lit {

LIT_INLINE double Duration::parse(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blank);
    const std::string_view trimmed = first == std::string_view::npos
                                         ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(blank) - first + 1);
    // d..d:dd:dd:dd
    constexpr std::size_t tail = 9;
    bool good = trimmed.size() > tail;
    for (std::size_t i = 0; good && i < trimmed.size(); ++i) {
        const std::size_t from_end = trimmed.size() - i;
        const bool colon = from_end == 9 || from_end == 6 || from_end == 3;
        good = colon ? trimmed[i] == ':' : trimmed[i] >= '0' && trimmed[i] <= '9';
    }
    if (!good) {
        throw ConfigError(
            "Duration: \"" + std::string(text) +
            "\" is not of the form DD:HH:MM:SS (days, hours, minutes, seconds), as \"00:12:00:00\" "
            "for twelve hours. A std::chrono duration may stand there too.");
    }
    const auto number = [&](std::size_t begin, std::size_t count) {
        double value = 0.0;
        for (const char digit : trimmed.substr(begin, count)) {
            value = 10.0 * value + (digit - '0');
        }
        return value;
    };
    const std::size_t days = trimmed.size() - tail;
    return ((number(0, days) * 24.0 + number(days + 1, 2)) * 60.0 + number(days + 4, 2)) * 60.0 +
           number(days + 7, 2);
}

}  // namespace lit
