// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_writer.hpp>

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

/// Memory on the CPU that what a checkpoint refers to is copied into, kept from one checkpoint to the next.
///
/// Cost    as many bytes as the largest checkpoint had. The first copy also pays for the memory; later ones are copies
///         only. Of tensors on another device the memory is page-locked, and their copies run side by side; the caller
///         waits for all.
class HostBuffers {
 public:
    /// Points the storages to copies. They hold until the next call.
    void take(Pickled& pickled) {
        std::int64_t bytes = 0;
        bool from_devices = false;
        for (const c10::Storage& storage : pickled.storages) {
            bytes += aligned(storage.nbytes());
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
            at += aligned(storage.nbytes());
            storage = part(copy.mutable_data_ptr(), static_cast<std::size_t>(size));
        }
        for (const c10::Device device : devices) {
            const c10::impl::VirtualGuardImpl guard(device.type());
            guard.synchronizeStream(guard.getStream(device));
        }
    }

 private:
    static constexpr std::int64_t alignment = 64;
    static std::int64_t aligned(std::size_t bytes) {
        return (static_cast<std::int64_t>(bytes) + alignment - 1) / alignment * alignment;
    }
    static c10::Storage part(void* data, std::size_t size) {
        return {c10::Storage::use_byte_size_t(), size, at::DataPtr(data, at::kCPU), nullptr, false};
    }

    at::Tensor memory_;
};

}  // namespace lit
