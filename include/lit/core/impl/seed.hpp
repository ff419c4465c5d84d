// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/seed.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <torch/cuda.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lit {

namespace detail {

inline constexpr const char* seed_variable = "PL_GLOBAL_SEED";

inline std::uint64_t parse_seed(std::string_view text) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size() || seed > 0xffffffffULL) {
        throw ConfigError("seed_everything: PL_GLOBAL_SEED is \"" + std::string(text) +
                          "\", expected a whole number from 0 to 4294967295.");
    }
    return seed;
}

}  // namespace detail

LIT_INLINE std::optional<std::uint64_t> global_seed() {
    const char* text = std::getenv(detail::seed_variable);
    return text != nullptr && *text != '\0' ? std::optional(detail::parse_seed(text)) : std::nullopt;
}

LIT_INLINE std::uint64_t seed_everything(std::optional<std::uint64_t> seed) {
    const std::uint64_t chosen = seed.value_or(global_seed().value_or(0));
    if (chosen > 0xffffffffULL) {
        throw ConfigError("seed_everything: found " + std::to_string(chosen) + ", expected 0 to 4294967295.");
    }
    ::setenv(detail::seed_variable, std::to_string(chosen).c_str(), 1);
    auto generator = at::detail::getDefaultCPUGenerator();
    {
        const std::lock_guard lock(generator.mutex());
        generator.set_current_seed(chosen);
    }
    torch::cuda::manual_seed_all(chosen);
    return chosen;
}

}  // namespace lit
