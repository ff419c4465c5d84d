// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/compiled.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <optional>

namespace lit {
namespace detail {

/// What brings a batch to a device.
enum class WayToDevice : std::uint8_t {
    each_tensor,
    own_member,  ///< `to(device)`
    none,
};
template <class Batch>
consteval WayToDevice way_to_device() {
    if constexpr (MovesItself<Batch> && !std::same_as<Batch, at::Tensor>) {
        return WayToDevice::own_member;
    } else {
        return MappableBatch<Batch> ? WayToDevice::each_tensor : WayToDevice::none;
    }
}

}  // namespace detail

struct DataLoaderOptions {
    std::int64_t batch_size = 1;
    bool shuffle = false;
    bool drop_last = false;              ///< leave out a last batch that is not full
    std::int64_t num_workers = 0;        ///< threads that gather ahead; 0: the caller gathers when it asks
    std::int64_t prefetch_factor = 2;    ///< batches held ready per worker
    std::optional<std::int64_t> seed{};  ///< epoch e is ordered by seed + e; empty: by the global generator
    bool pin_memory = false;             ///< batches in page-locked memory; without a GPU it has no effect
    bool persistent_workers = false;     ///< threads stay from epoch to epoch, and may begin the next one early
    bool prefetch_to_device = false;     ///< workers copy their batches to the run's device as well

    /// Errors  ConfigError that says which value cannot be, or which exclude each other.
    void check(bool own_sampler, detail::WayToDevice way) const;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/data/impl/data_loader_options.hpp>
#endif
