// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <cstdint>
#include <optional>

namespace lit {

/// The seed that `seed_everything` set in this process or in the one that started it; empty before.
[[nodiscard]] LIT_INLINE std::optional<std::uint64_t> global_seed();

/// Seeds the generators of all devices, and hands the seed on to processes started later.
///
/// Without a seed the variable PL_GLOBAL_SEED is taken, or 0.
/// Errors  ConfigError for a seed or a variable outside of [0, 2^32).
/// Source  Lightning `seed_everything`; returns the seed, as there.
LIT_INLINE std::uint64_t seed_everything(std::optional<std::uint64_t> seed = std::nullopt);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/seed.hpp>
#endif
