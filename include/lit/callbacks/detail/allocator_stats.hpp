// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace lit::detail {

/// Calls `f(name, value)` with what the device's caching allocator counts, under the names of `torch.cuda.memory_stats`
/// (`allocated_bytes.all.current`, ..., `num_ooms`), in the order of the alphabet.
///
/// Any device whose allocator caches answers; c10 finds it by the device's type, so that nothing of CUDA is linked.
template <class F>
void for_each_allocator_stat(const at::Device& device, F&& f) {
    using c10::CachingAllocator::Stat;
    using c10::CachingDeviceAllocator::DeviceStats;
    using Pools = decltype(DeviceStats::allocation);
    const DeviceStats stats = c10::getDeviceAllocator(device.type())
                                  ->getDeviceStats(device.has_index() ? device.index() : c10::DeviceIndex{0});
    const auto each = [&f](const std::string& prefix, const Stat& stat) {
        f(prefix + ".allocated", static_cast<double>(stat.allocated));
        f(prefix + ".current", static_cast<double>(stat.current));
        f(prefix + ".freed", static_cast<double>(stat.freed));
        f(prefix + ".peak", static_cast<double>(stat.peak));
    };
    const auto pools = [&each](std::string_view name, const Pools& all) {
        // all, small, large are the first three in c10; the alphabet wants another order.
        constexpr std::array<std::string_view, 3> names = {".all", ".large_pool", ".small_pool"};
        constexpr std::array<std::size_t, 3> places = {0, 2, 1};
        for (std::size_t i = 0; i < names.size(); ++i) {
            each(std::string(name) + std::string(names[i]), all[places[i]]);
        }
    };
    pools("active", stats.active);
    pools("active_bytes", stats.active_bytes);
    pools("allocated_bytes", stats.allocated_bytes);
    pools("allocation", stats.allocation);
    pools("inactive_split", stats.inactive_split);
    pools("inactive_split_bytes", stats.inactive_split_bytes);
    f("max_split_size", static_cast<double>(stats.max_split_size));
    f("num_alloc_retries", static_cast<double>(stats.num_alloc_retries));
    f("num_device_alloc", static_cast<double>(stats.num_device_alloc));
    f("num_device_free", static_cast<double>(stats.num_device_free));
    f("num_ooms", static_cast<double>(stats.num_ooms));
    f("num_sync_all_streams", static_cast<double>(stats.num_sync_all_streams));
    each("oversize_allocations", stats.oversize_allocations);
    each("oversize_segments", stats.oversize_segments);
    pools("requested_bytes", stats.requested_bytes);
    pools("reserved_bytes", stats.reserved_bytes);
    pools("segment", stats.segment);
}

}  // namespace lit::detail
