// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

namespace lit {

/// Autocast while it lives, on this thread; what was set before comes back, also after an exception.
///
/// Cost    casts of parameters are not kept between calls: Lightning sets cache_enabled to false as well.
/// Source  Python `torch.autocast(device_type, dtype, cache_enabled=False)`.
class AutocastScope {
 public:
    AutocastScope(at::DeviceType device, at::ScalarType dtype)
        : device_(device),
          enabled_(at::autocast::is_autocast_enabled(device)),
          dtype_(at::autocast::get_autocast_dtype(device)),
          cache_(at::autocast::is_autocast_cache_enabled()) {
        at::autocast::set_autocast_enabled(device, true);
        at::autocast::set_autocast_dtype(device, dtype);
        at::autocast::set_autocast_cache_enabled(false);
        at::autocast::increment_nesting();
    }
    AutocastScope(const AutocastScope&) = delete;
    AutocastScope& operator=(const AutocastScope&) = delete;
    ~AutocastScope() {
        if (at::autocast::decrement_nesting() == 0) {
            at::autocast::clear_cache();
        }
        at::autocast::set_autocast_cache_enabled(cache_);
        at::autocast::set_autocast_dtype(device_, dtype_);
        at::autocast::set_autocast_enabled(device_, enabled_);
    }

 private:
    at::DeviceType device_;
    bool enabled_;
    at::ScalarType dtype_;
    bool cache_;
};

}  // namespace lit
