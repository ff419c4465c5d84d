// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/random_sampler.hpp>
#include <lit/data/sampler.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lit {

struct DistributedSamplerOptions {
    std::int64_t rank = 0;
    std::int64_t world_size = 1;
    bool shuffle = true;
    std::int64_t seed = 0;   ///< the same on all ranks
    bool drop_last = false;  ///< leave out the tail that does not divide, rather than repeat samples
    bool pad = true;         ///< false: neither repeat nor leave out; ranks may differ by one sample
};

/// One rank's share of the samples: every world_size-th of an order that all ranks agree on.
///
/// Errors  ConfigError for a world size below 1 or a rank outside of it.
/// Source  torch.utils.data.DistributedSampler, index for index; `pad = false` is Lightning's
///         UnrepeatedDistributedSampler, whose shuffle leaves the seed out.
class DistributedSampler {
 public:
    DistributedSampler(std::int64_t size, DistributedSamplerOptions options)
        : size_(size), options_(options) {
        if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
            throw ConfigError("DistributedSampler: rank " + std::to_string(options.rank) + " of world size " +
                              std::to_string(options.world_size) +
                              "; the world size is at least 1 and ranks go from 0 to world size - 1.");
        }
    }

    [[nodiscard]] std::int64_t size() const {
        const std::int64_t world = options_.world_size;
        if (!options_.pad) {
            return size_ > options_.rank ? (size_ - options_.rank + world - 1) / world : 0;
        }
        return options_.drop_last ? size_ / world : (size_ + world - 1) / world;
    }

    [[nodiscard]] std::vector<std::int64_t> indices(std::int64_t epoch) const {
        const std::vector<std::int64_t> order =
            options_.shuffle
                ? detail::permutation(
                      size_, static_cast<std::uint64_t>(options_.pad ? options_.seed + epoch : epoch))
                : SequentialSampler{size_}.indices(epoch);
        std::vector<std::int64_t> mine(static_cast<std::size_t>(size()));
        for (std::size_t i = 0; i < mine.size(); ++i) {
            // Padding repeats the order from its start, as often as needed.
            mine[i] = order[(static_cast<std::size_t>(options_.rank) +
                             i * static_cast<std::size_t>(options_.world_size)) %
                            order.size()];
        }
        return mine;
    }

 private:
    std::int64_t size_;
    DistributedSamplerOptions options_;
};
static_assert(SamplerPolicy<DistributedSampler>);

}  // namespace lit
