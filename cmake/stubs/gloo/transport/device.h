// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stands in for a header of Gloo that LibTorch's package lacks; the last folder in the search, so a real one wins.

namespace gloo::transport {

class Device;

// c10d's work items own one through a unique_ptr, which has to see a destructor; libtorch_cpu exports it.
class UnboundBuffer {
 public:
    virtual ~UnboundBuffer() = 0;
};

}  // namespace gloo::transport
