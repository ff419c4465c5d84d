// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace lit {

/// How much a pickle may ask for before it is refused.
struct PickleLimits {
    std::size_t max_depth = 128;                   ///< containers inside containers
    std::size_t max_bytes = std::size_t{1} << 30;  ///< memory for everything but the tensors' numbers
};

}  // namespace lit
