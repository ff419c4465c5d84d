// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/data/sampler.hpp>

#include <ATen/core/Generator.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace lit {
namespace detail {

/// Python's `torch.randperm(n, generator=...)` as a vector.
LIT_INLINE std::vector<std::int64_t> permutation(std::int64_t size, std::optional<at::Generator> generator);
LIT_INLINE std::vector<std::int64_t> permutation(std::int64_t size, std::uint64_t seed);

/// Python's `int(torch.empty((), dtype=torch.int64).random_().item())`: one draw from the global CPU
/// generator.
LIT_INLINE std::uint64_t draw_seed();

}  // namespace detail

/// All samples once, in an order drawn anew for every epoch.
///
/// With a seed, epoch e is `torch.randperm(n, generator=torch.Generator().manual_seed(seed + e))`: the same
/// whenever it is asked for. Without one, the seed of each epoch is drawn from the global CPU generator, as
/// Python's RandomSampler does.
class RandomSampler {
 public:
    explicit RandomSampler(std::int64_t size, std::optional<std::int64_t> seed = {})
        : size_(size), seed_(seed) {}

    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::vector<std::int64_t> indices(std::int64_t epoch) const {
        return detail::permutation(size_,
                                   seed_ ? static_cast<std::uint64_t>(*seed_ + epoch) : detail::draw_seed());
    }

 private:
    std::int64_t size_;
    std::optional<std::int64_t> seed_;
};
static_assert(SamplerPolicy<RandomSampler>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/data/impl/random_sampler.hpp>
#endif
