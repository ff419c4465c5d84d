// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace lit {

/// Decides which samples an epoch visits, and in which order.
///
/// size()          how many indices an epoch has.
/// indices(epoch)  these indices. It may depend on the epoch, on the sampler's seed and, where that is said,
///                 on the global generator; never on the number of workers.
/// Models          SequentialSampler, RandomSampler, DistributedSampler.
template <class S>
concept SamplerPolicy =
    std::move_constructible<S> && requires(S& sampler, const S& fixed, std::int64_t epoch) {
        { fixed.size() } -> std::convertible_to<std::int64_t>;
        { sampler.indices(epoch) } -> std::same_as<std::vector<std::int64_t>>;
    };

/// The dataset's own order.
class SequentialSampler {
 public:
    explicit SequentialSampler(std::int64_t size) : size_(size) {}

    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::vector<std::int64_t> indices(std::int64_t /*epoch*/) const {
        std::vector<std::int64_t> order(static_cast<std::size_t>(size_));
        std::iota(order.begin(), order.end(), std::int64_t{0});
        return order;
    }

 private:
    std::int64_t size_;
};
static_assert(SamplerPolicy<SequentialSampler>);

namespace detail {

/// Errors  ConfigError for a sampler that gives more or fewer indices than it says.
inline void check_sampler(const std::vector<std::int64_t>& indices, std::int64_t size) {
    if (static_cast<std::int64_t>(indices.size()) != size) {
        throw ConfigError("DataLoader: the sampler gave " + std::to_string(indices.size()) + " indices; expected " +
                          std::to_string(size) + ", which is its size(). Make the two agree.");
    }
}

}  // namespace detail

}  // namespace lit
