// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string_view>

namespace lit::detail {

/// Whether an exception says that memory ran out: on a GPU, in cuDNN (which says so in other words), on the CPU.
///
/// Source  Lightning `is_oom_error`; in C++ also std::bad_alloc and c10's own type.
[[nodiscard]] inline bool is_out_of_memory(const std::exception& error) {
    if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
        dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
        return true;
    }
    const std::string_view text = error.what();
    const auto says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
    return (says("CUDA") && says("out of memory")) || says("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED.") ||
           says("DefaultCPUAllocator: can't allocate memory") ||
           says("DefaultCPUAllocator: not enough memory");
}

}  // namespace lit::detail
