// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stands in for a header of Gloo that LibTorch's package lacks; the last folder in the search, so a real one wins.

#include <chrono>

namespace gloo {

// libtorch_cpu exports it; c10d holds only pointers to it, so its layout does not matter here.
class Context {
 public:
    void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
