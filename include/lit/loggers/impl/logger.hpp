// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loggers/logger.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace lit {

LIT_INLINE std::optional<std::int64_t> version_number(std::string_view version) {
    constexpr std::string_view prefix = "version_";
    if (!version.starts_with(prefix) || version.size() == prefix.size()) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const char* last = version.data() + version.size();
    const auto parsed = std::from_chars(version.data() + prefix.size(), last, number);
    if (parsed.ec != std::errc{} || parsed.ptr != last || number < 0) {
        return std::nullopt;
    }
    return number;
}

}  // namespace lit
