// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace lit {

/// A length of time: a `std::chrono` duration, or the text "DD:HH:MM:SS" (days, hours, minutes, seconds).
///
/// Units   `seconds()` with their fraction.
/// Errors  ConfigError for a text of another form.
/// Source  Lightning `Timer(duration=...)`, `Trainer(max_time=...)`: as many digits of days as wanted, two of the rest.
class Duration {
 public:
    template <class Rep, class Period>
    constexpr Duration(std::chrono::duration<Rep, Period> time)  // NOLINT: it is one
        : seconds_(std::chrono::duration<double>(time).count()) {}
    Duration(std::string_view text) : seconds_(parse(text)) {}               // NOLINT: it is one
    Duration(const char* text) : Duration(std::string_view(text)) {}         // NOLINT: it is one
    Duration(const std::string& text) : Duration(std::string_view(text)) {}  // NOLINT: it is one

    [[nodiscard]] constexpr double seconds() const { return seconds_; }
    [[nodiscard]] constexpr bool is_negative() const { return seconds_ < 0.0; }

    friend constexpr bool operator==(const Duration&, const Duration&) = default;

 private:
    [[nodiscard]] static double parse(std::string_view text);

    double seconds_ = 0.0;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/duration.hpp>
#endif
