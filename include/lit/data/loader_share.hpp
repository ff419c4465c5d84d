// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/distributed_sampler.hpp>
#include <lit/data/loader.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace lit::detail {

/// Which share of its samples a loader yields, if not all: what it was told, and in place of that a run's while it lasts; of
/// a run inside a run the inner one's.
///
/// Errors  ConfigError for a rank that is not below the world size.
class LoaderShare {
 public:
    void set(const ShardOptions& share) { own_ = checked(share); }
    void begin_run(const ShardOptions& share) { of_runs_.push_back(checked(share)); }
    void end_run() {
        if (!of_runs_.empty()) {
            of_runs_.pop_back();
        }
    }

    explicit operator bool() const { return now() != nullptr; }
    [[nodiscard]] std::uint64_t rank() const { return *this ? static_cast<std::uint64_t>(now()->rank) : 0; }
    [[nodiscard]] bool shuffles(bool otherwise) const {
        return *this ? now()->shuffle.value_or(otherwise) : otherwise;
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
    [[nodiscard]] const ShardOptions* now() const {
        return !of_runs_.empty() ? &of_runs_.back() : own_ ? &*own_ : nullptr;
    }
    static const ShardOptions& checked(const ShardOptions& share) {
        static_cast<void>(DistributedSampler(0, {.rank = share.rank, .world_size = share.world_size}));
        return share;
    }

    std::optional<ShardOptions> own_;
    std::vector<ShardOptions> of_runs_;
};

}  // namespace lit::detail
