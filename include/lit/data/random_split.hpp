// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/number_text.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/random_sampler.hpp>
#include <lit/data/sampler.hpp>
#include <lit/data/subset.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

template <class Length>
std::vector<std::int64_t> split_lengths(std::span<const Length> lengths, std::int64_t size) {
    std::ostringstream given;
    for (const Length length : lengths) {
        given << (given.tellp() == 0 ? "{" : ", ") << length;
    }
    given << '}';
    const auto refuse = [&](const std::string& what) {
        throw ConfigError("random_split: " + given.str() + " of a dataset of " + std::to_string(size) +
                          " samples: " + what);
    };
    std::vector<std::int64_t> result;
    std::int64_t total = 0;
    if constexpr (std::floating_point<Length>) {
        double sum = 0.0;
        for (const Length length : lengths) {
            const double fraction = as_written(length);
            if (!(fraction >= 0 && fraction <= 1)) {
                refuse("a fraction lies between 0 and 1.");
            }
            sum += fraction;
            result.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(size) * fraction)));
            total += result.back();
        }
        if (std::abs(sum - 1.0) > 1e-9) {
            refuse("fractions add up to 1.");
        }
        for (std::size_t i = 0; total < size; ++i, ++total) {  // what rounding left over goes round, one each
            ++result[i % result.size()];
        }
    } else {
        for (const Length length : lengths) {
            if (length < 0) {
                refuse("a length is not negative.");
            }
            result.push_back(static_cast<std::int64_t>(length));
            total += result.back();
        }
    }
    if (total != size) {
        refuse("the lengths add up to " + std::to_string(total) + ".");
    }
    return result;
}

template <DatasetPolicy Dataset>
std::vector<Subset<Dataset>> split_at_random(const Dataset& dataset, const std::vector<std::int64_t>& lengths,
                                             std::optional<at::Generator> generator) {
    const std::vector<std::int64_t> order = permutation(dataset.size(), std::move(generator));
    std::vector<Subset<Dataset>> parts;
    auto first = order.begin();
    for (const std::int64_t length : lengths) {
        parts.emplace_back(dataset, std::vector<std::int64_t>(first, first + length));
        first += length;
    }
    return parts;
}

}  // namespace detail

template <class T>
concept SplitLength = (std::integral<T> || std::floating_point<T>) && !std::same_as<T, bool>;

/// Splits a dataset at random into parts: `auto [train, val] = random_split(dataset, {55000, 5000}, 42)`.
///
/// Lengths    integers that add up to the dataset's size, or fractions that add up to 1; then each part has
///            floor(fraction * size) samples and what is left over goes round, one each, from the first part
///            on.
/// Generator  the permutation is Python's: `torch.randperm(n, generator=generator)`. Without one: the global
///            CPU generator.
/// Errors     ConfigError when the lengths do not add up.
/// Source     torch.utils.data.random_split, index for index.
template <DatasetPolicy Dataset, SplitLength Length, std::size_t N>
[[nodiscard]] std::array<Subset<Dataset>, N> random_split(const Dataset& dataset, const Length (&lengths)[N],
                                                          std::optional<at::Generator> generator = {}) {
    auto parts = detail::split_at_random(
        dataset, detail::split_lengths(std::span<const Length>(lengths), dataset.size()),
        std::move(generator));
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<Subset<Dataset>, N>{std::move(parts[I])...};
    }(std::make_index_sequence<N>{});
}

/// The same with a seed: as in Python with `generator=torch.Generator().manual_seed(seed)`.
template <DatasetPolicy Dataset, SplitLength Length, std::size_t N>
[[nodiscard]] std::array<Subset<Dataset>, N> random_split(const Dataset& dataset, const Length (&lengths)[N],
                                                          std::uint64_t seed) {
    return random_split(dataset, lengths, at::make_generator<at::CPUGeneratorImpl>(seed));
}

/// The same for a number of parts known at run time.
template <DatasetPolicy Dataset, SplitLength Length>
[[nodiscard]] std::vector<Subset<Dataset>> random_split(const Dataset& dataset,
                                                        const std::vector<Length>& lengths,
                                                        std::optional<at::Generator> generator = {}) {
    return detail::split_at_random(dataset,
                                   detail::split_lengths(std::span<const Length>(lengths), dataset.size()),
                                   std::move(generator));
}

}  // namespace lit
