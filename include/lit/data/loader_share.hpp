// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/distributed_sampler.hpp>
#include <lit/data/loader.hpp>

#include <cstdint>
#include <optional>

namespace lit::detail {

/// Which share of its samples a loader yields, if not all: what it was told, and in place of that a run's while it lasts.
///
/// Errors  ConfigError for a rank that is not below the world size.
class LoaderShare {
 public:
    void set(const ShardOptions& share) { own_ = checked(share); }
    void begin_run(const ShardOptions& share) { of_run_ = checked(share); }
    void end_run() { of_run_.reset(); }
    [[nodiscard]] bool is_of_a_run() const { return of_run_.has_value(); }

    explicit operator bool() const { return now().has_value(); }
    [[nodiscard]] std::uint64_t rank() const { return now() ? static_cast<std::uint64_t>(now()->rank) : 0; }
    [[nodiscard]] bool shuffles(bool otherwise) const {
        return now() ? now()->shuffle.value_or(otherwise) : otherwise;
    }
    /// Of a share: which of so many samples are its own.
    [[nodiscard]] DistributedSampler sampler(std::int64_t samples, bool shuffle) const {
        return {samples,
                {.rank = now()->rank,
                 .world_size = now()->world_size,
                 .shuffle = shuffle,
                 .seed = now()->seed,
                 .drop_last = false,
                 .pad = now()->pad}};
    }

 private:
    [[nodiscard]] const std::optional<ShardOptions>& now() const { return of_run_ ? of_run_ : own_; }
    static const ShardOptions& checked(const ShardOptions& share) {
        static_cast<void>(DistributedSampler(0, {.rank = share.rank, .world_size = share.world_size}));
        return share;
    }

    std::optional<ShardOptions> own_;
    std::optional<ShardOptions> of_run_;
};

}  // namespace lit::detail
