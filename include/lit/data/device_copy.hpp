// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

namespace lit::detail {

/// The stream in which batches are copied to a device: one for all loaders, since the allocator keeps the memory of each
/// stream for it alone.
[[nodiscard]] LIT_INLINE c10::Stream copy_stream(at::Device device);

/// A batch on its way to a device, beside what the device computes.
class DeviceCopy {
 public:
    /// Replaces the batch's tensors by ones on `device`, which are not there yet. From page-locked memory nobody waits.
    ///
    /// Errors  ConfigError for a sparse tensor, whose memory cannot be told of the stream that will read it.
    template <MappableBatch Batch>
    DeviceCopy(Batch& batch, at::Device device) : device_(device), arrived_(device.type()) {
        for_each_tensor(std::as_const(batch), [](const at::Tensor& tensor) {
            if (tensor.layout() != at::kStrided) {
                throw ConfigError("DataLoader: prefetch_to_device found a sparse tensor in a batch, expected dense ones. Leave "
                                  "prefetch_to_device out, or make it dense.");
            }
        });
        const at::NoGradGuard no_grad;
        const c10::Stream stream = copy_stream(device);
        const c10::StreamGuard in(stream);
        move_to_device(batch, device, true);
        arrived_.record(stream);
    }

    /// Has the caller's stream wait for the batch, not the caller; the memory stays the batch's until that stream is done
    /// with it.
    template <MappableBatch Batch>
    void hand_over(Batch& batch) {
        const c10::impl::VirtualGuardImpl guard(device_.type());
        const c10::Stream stream = guard.getStream(device_);
        arrived_.block(stream);
        for_each_tensor(batch, [&](at::Tensor& tensor) {
            guard.recordDataPtrOnStream(tensor.storage().data_ptr(), stream);
        });
    }

 private:
    at::Device device_;
    c10::Event arrived_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/data/impl/device_copy.hpp>
#endif
