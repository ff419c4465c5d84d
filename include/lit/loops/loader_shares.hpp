// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/loader.hpp>

#include <type_traits>

namespace lit::detail {

/// While it lives, each loader yields this rank's share, where it can be given one, and afterwards what it did before. Lightning
/// shards loaders of its own, made from those that it was given; here they are the user's. A loader that knows no end of
/// a share keeps it.
template <class Loaders>
class ShareScope {
 public:
    /// `share`: but for the rank and the world size, which are the run's.
    template <class Run>
    ShareScope(const Run& run, Loaders& loaders, ShardOptions share)
        : loaders_(run.options().use_distributed_sampler && run.world_size() > 1 ? &loaders : nullptr) {
        share.rank = run.global_rank();
        share.world_size = run.world_size();
        each([&share](auto& loader) {
            if constexpr (SharesForARun<std::remove_reference_t<decltype(loader)>>) {
                loader.begin_share(share);
            } else if constexpr (Shardable<std::remove_reference_t<decltype(loader)>>) {
                loader.shard(share);
            }
        });
    }
    ShareScope(const ShareScope&) = delete;
    ShareScope& operator=(const ShareScope&) = delete;
    ~ShareScope() {
        each([](auto& loader) {
            if constexpr (SharesForARun<std::remove_reference_t<decltype(loader)>>) {
                loader.end_share();
            }
        });
    }

 private:
    template <class F>
    void each(F&& f) {
        if (loaders_ != nullptr) {
            for_each_loader(*loaders_, [&f](auto& loader, auto) { f(loader); });
        }
    }

    Loaders* loaders_;
};

}  // namespace lit::detail
