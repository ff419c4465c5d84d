// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/data/device_copy.hpp>

#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace lit::detail {

LIT_INLINE c10::Stream copy_stream(at::Device device) {
    static std::mutex mutex;
    static std::vector<c10::Stream> streams;
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(streams, device, &c10::Stream::device);
    return found != streams.end()
               ? *found
               : streams.emplace_back(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, false));
}

}  // namespace lit::detail
