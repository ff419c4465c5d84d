// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/limit.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lit {

LIT_INLINE void Limit::check(std::string_view name) const {
    if (is_count_ ? count_ < 0 : !(fraction_ >= 0.0 && fraction_ <= 1.0)) {
        throw ConfigError("TrainerOptions: " + std::string(name) + " = " + text() +
                          " has to be a fraction in [0.0, 1.0] or a whole number of batches.");
    }
}

LIT_INLINE std::optional<std::int64_t> Limit::of(std::optional<std::int64_t> size, std::string_view name) const {
    if (is_zero()) {
        return 0;
    }
    if (is_count_) {
        return size ? std::min(*size, count_) : count_;
    }
    if (!size) {
        if (fraction_ == 1.0) {
            return std::nullopt;
        }
        throw ConfigError("TrainerOptions: " + std::string(name) + " = " + text() +
                          " is a fraction of a loader that does not know its size. Give a whole number, or 1.0.");
    }
    const auto batches = static_cast<std::int64_t>(static_cast<double>(*size) * fraction_);
    if (batches == 0 && *size > 0) {
        throw ConfigError("TrainerOptions: " + std::string(name) + " = " + text() + " of " +
                          std::to_string(*size) + " batches is less than one. Use at least " +
                          std::to_string(1.0 / static_cast<double>(*size)) + ".");
    }
    return batches;
}

}  // namespace lit
