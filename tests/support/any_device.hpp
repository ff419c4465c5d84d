// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/strategies/single_device.hpp>

#include <cstdlib>
#include <string_view>

namespace lit::testing {

/// Where a test trains that holds on every device: the CPU, or with LIT_TEST_ACCELERATOR=cuda in the environment a GPU, be it
/// the one that tests/simulated_cuda makes up.
inline SingleDevice any_device() {
    const char* wanted = std::getenv("LIT_TEST_ACCELERATOR");
    const bool cuda = wanted != nullptr && std::string_view(wanted) == "cuda";
    return SingleDevice{{.accelerator = cuda ? Accelerator::cuda : Accelerator::cpu}};
}

}  // namespace lit::testing
