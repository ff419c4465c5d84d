// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/host_buffers.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/compiled.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Device.h>
#include <c10/core/Storage.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

inline constexpr std::int64_t storage_alignment = 64;

inline std::int64_t aligned(std::size_t bytes) {
    return (static_cast<std::int64_t>(bytes) + storage_alignment - 1) / storage_alignment * storage_alignment;
}

inline c10::Storage storage_of(void* data, std::size_t size) {
    return {c10::Storage::use_byte_size_t(), size, at::DataPtr(data, at::kCPU), nullptr, false};
}

}  // namespace detail

LIT_INLINE void HostBuffers::take(Pickled& pickled) {
    std::int64_t bytes = 0;
    bool from_devices = false;
    for (const c10::Storage& storage : pickled.storages) {
        bytes += detail::aligned(storage.nbytes());
        from_devices = from_devices || !storage.device().is_cpu();
    }
    if (!memory_.defined() || memory_.numel() < bytes || memory_.is_pinned() < from_devices) {
        memory_.reset();  // first, so that there are never two
        memory_ = at::empty({bytes}, at::TensorOptions(at::kByte).pinned_memory(from_devices));
    }
    std::int64_t at = 0;
    std::vector<c10::Device> devices;
    for (c10::Storage& storage : pickled.storages) {
        const auto size = static_cast<std::int64_t>(storage.nbytes());
        at::Tensor copy = memory_.narrow(0, at, size);
        if (size > 0) {
            copy.copy_(detail::storage_bytes(storage), /*non_blocking=*/true);
        }
        if (!storage.device().is_cpu() && std::ranges::find(devices, storage.device()) == devices.end()) {
            devices.push_back(storage.device());
        }
        at += detail::aligned(storage.nbytes());
        storage = detail::storage_of(copy.mutable_data_ptr(), static_cast<std::size_t>(size));
    }
    for (const c10::Device device : devices) {
        const c10::impl::VirtualGuardImpl guard(device.type());
        guard.synchronizeStream(guard.getStream(device));
    }
}

}  // namespace lit
