// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/progress_text.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/compiled.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lit::detail {

LIT_INLINE std::size_t shown_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

LIT_INLINE std::string cut_to(std::string text, std::size_t width) {
    std::size_t shown = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U && shown++ == width) {
            text.resize(at);
            break;
        }
    }
    return text;
}

LIT_INLINE std::string clock_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9));
    const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    const std::string hours = whole >= 3600 ? std::to_string(whole / 3600) + ":" : "";
    return hours + two(whole / 60 % 60) + ":" + two(whole % 60);
}

LIT_INLINE std::string short_number(double value) {
    value = static_cast<double>(static_cast<float>(value));
    std::string text = FormatSpec{.type = 'g', .precision = 3}(value, false);
    const std::size_t exponent = text.find('e');
    if (exponent != std::string::npos && text[exponent + 2] == '0') {
        text.erase(exponent + 2, 1);
    }
    const std::string exact = python_repr(value);
    text = text.size() < exact.size() ? text : exact;
    if (!std::isfinite(value) || text.find('e') != std::string::npos) {
        return text;
    }
    constexpr std::size_t padded = 5;
    if (text.find('.') == std::string::npos && text.size() < padded) {
        text += '.';
    }
    return text + std::string(padded - std::min(padded, text.size()), '0');
}

LIT_INLINE std::string bar_of(double fraction, std::size_t cells, bool ascii) {
    static constexpr std::string_view parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto eighths =
        static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(cells) * 8.0 + 1e-9);
    std::string bar;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::size_t filled = eighths > cell * 8 ? std::min<std::size_t>(eighths - cell * 8, 8) : 0;
        bar += filled == 8 ? (ascii ? std::string_view("#") : "█")
               : ascii     ? std::string_view(" ")
                           : parts[filled];
    }
    return bar;
}

LIT_INLINE std::string progress_text(const ProgressLine& line, const std::string& metrics, std::size_t width, bool ascii,
                                     ProgressLine::Clock::time_point now) {
    const double elapsed = std::chrono::duration<double>(now - line.started).count();
    const auto moved = static_cast<double>(line.done - line.first);
    const double rate = elapsed > 0.0 ? moved / elapsed : 0.0;
    const bool known = line.total >= 0;
    std::string times = clock_text(elapsed);
    if (known && width != 0) {
        times += "<" + (rate > 0.0 ? clock_text(static_cast<double>(line.total - line.done) / rate)
                                   : std::string("?"));
    }
    const std::string speed =
        moved > 0.0 ? FormatSpec{.type = 'f', .precision = 2}(rate, false) + "it/s" : std::string("?it/s");
    const std::string count = std::to_string(line.done) + "/" + (known ? std::to_string(line.total) : "?");
    const std::string right =
        count + " [" + times + ", " + speed + (metrics.empty() ? "" : ", " + metrics) + "]";
    if (width == 0) {
        return line.description + ": " + right;
    }
    if (!known) {
        return cut_to(line.description + ": " + right, width);
    }
    const double fraction =
        line.total == 0 ? 1.0 : static_cast<double>(line.done) / static_cast<double>(line.total);
    const std::string percent = FormatSpec{.type = 'f', .width = 3, .precision = 0}(fraction * 100.0, false);
    const std::string left = line.description + ": " + percent + "%|";
    const std::size_t taken = shown_width(left) + shown_width(right) + 2;
    constexpr std::size_t shortest = 10;
    const std::size_t cells = std::max(shortest, width > taken ? width - taken : 0);
    return cut_to(left + bar_of(fraction, cells, ascii) + "| " + right, width);
}

}  // namespace lit::detail
