// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lit {

/// Whether a watched value is better when it is smaller or when it is larger.
enum class Mode : std::uint8_t { minimize, maximize };

/// Python's word for it, as it stands in checkpoints: `min` or `max`.
[[nodiscard]] constexpr std::string_view python_name(Mode mode) {
    return mode == Mode::minimize ? "min" : "max";
}

}  // namespace lit
