// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/sampler.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randperm.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

/// Python's `torch.randperm(n, generator=...)` as a vector.
inline std::vector<std::int64_t> permutation(std::int64_t size, std::optional<at::Generator> generator) {
    const at::Tensor order = at::randperm(size, std::move(generator), at::TensorOptions(at::kLong));
    // const_data_ptr<T>() is not used: clang mangles its constraint otherwise than the compiler of LibTorch's
    // package.
    const auto* first = static_cast<const std::int64_t*>(order.const_data_ptr());
    return {first, first + size};
}

inline std::vector<std::int64_t> permutation(std::int64_t size, std::uint64_t seed) {
    return permutation(size, at::make_generator<at::CPUGeneratorImpl>(seed));
}

/// Python's `int(torch.empty((), dtype=torch.int64).random_().item())`: one draw from the global CPU
/// generator.
inline std::uint64_t draw_seed() {
    return static_cast<std::uint64_t>(at::empty({}, at::kLong).random_().item<std::int64_t>());
}

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
