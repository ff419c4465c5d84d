// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/loader.hpp>

#include <type_traits>

namespace lit::detail {

/// Gives the loader this rank's share for the time of a run, where it can be given one.
template <class Run, class Loader>
void take_share(const Run& run, Loader& loader, ShardOptions share) {
    if constexpr (Shardable<Loader>) {
        if (!run.options().use_distributed_sampler || run.world_size() == 1) {
            return;
        }
        share.rank = run.global_rank();
        share.world_size = run.world_size();
        if constexpr (SharesForARun<Loader>) {
            deref(loader).begin_share(share);
        } else {
            deref(loader).shard(share);
        }
    }
}

/// The loaders yield what they did before the run. Lightning shards loaders of its own, made from those that it was given; here
/// they are the user's.
template <class Loaders>
void give_back_shares(Loaders& loaders) {
    for_each_loader(loaders, [](auto& loader, auto) {
        if constexpr (SharesForARun<std::remove_reference_t<decltype(loader)>>) {
            loader.end_share();
        }
    });
}

}  // namespace lit::detail
