// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lit {

/// Whether torch's deterministic algorithms are used: `true`, `false`, or `Deterministic::warn`, which warns of an
/// operation that has none rather than refuse it.
class Deterministic {
 public:
    enum Kind : std::uint8_t { no, yes, warn };

    constexpr Deterministic(Kind kind) : kind_(kind) {}         // NOLINT: `.deterministic = Deterministic::warn`
    constexpr Deterministic(bool on) : kind_(on ? yes : no) {}  // NOLINT: `.deterministic = true`

    [[nodiscard]] constexpr bool wanted() const { return kind_ != no; }
    [[nodiscard]] constexpr bool only_warns() const { return kind_ == warn; }

 private:
    Kind kind_;
};

}  // namespace lit
