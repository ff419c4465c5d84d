// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace lit {

struct Pickled;

/// Memory on the CPU that what a checkpoint refers to is copied into, kept from one checkpoint to the next.
///
/// Cost    as many bytes as the largest checkpoint had. The first copy also pays for the memory; later ones are copies
///         only. Of tensors on another device the memory is page-locked, and their copies run side by side; the caller
///         waits for all.
class HostBuffers {
 public:
    /// Points the storages to copies. They hold until the next call.
    void take(Pickled& pickled);

 private:
    at::Tensor memory_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/host_buffers.hpp>
#endif
