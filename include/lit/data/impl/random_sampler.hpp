// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/data/random_sampler.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randperm.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE std::vector<std::int64_t> permutation(std::int64_t size, std::optional<at::Generator> generator) {
    const at::Tensor order = at::randperm(size, std::move(generator), at::TensorOptions(at::kLong));
    // const_data_ptr<T>() is not used: clang mangles its constraint otherwise than the compiler of LibTorch's
    // package.
    const auto* first = static_cast<const std::int64_t*>(order.const_data_ptr());
    return {first, first + size};
}

LIT_INLINE std::vector<std::int64_t> permutation(std::int64_t size, std::uint64_t seed) {
    return permutation(size, at::make_generator<at::CPUGeneratorImpl>(seed));
}

LIT_INLINE std::uint64_t draw_seed() {
    return static_cast<std::uint64_t>(at::empty({}, at::kLong).random_().item<std::int64_t>());
}

}  // namespace lit::detail
