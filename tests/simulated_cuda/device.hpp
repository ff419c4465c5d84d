// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

/// A GPU that is none. What LibTorch's CUDA library would register is registered here: memory that the host cannot touch,
/// kernels that are those of the CPU, pinned memory, a generator, streams and events. So a machine without a GPU shows what
/// a run asks of one: the programs that link this see two devices, `cuda:0` and `cuda:1`.
///
/// As on CUDA  reading or writing its memory from the host is a segmentation fault; an operation on tensors of both sides
///             is an error, unless the host's is a number; what a copy to the host brings without waiting is not there
///             before somebody has waited; the device has a generator of its own. Fresh memory holds NaN.
///             What streams do to the same memory without having waited for each other is told as a race.
/// Not as on CUDA  nothing runs beside the host, and no kernel is CUDA's: neither speed nor kernels are tested. Each device has the
///             default stream and one of the pool's, and both devices' are taken for the same. Whoever waits for one stream has
///             waited for all. A copy to the device has taken what it copies when the host goes on. Of operations that wait inside,
///             those with a shape that depends on data are known.
namespace simulated {

inline const at::Device cuda{at::kCUDA, 0};

/// What made the host wait for the device since the last `forget()`, in order: a copy that blocks, `.item()`, an operation
/// whose shape depends on data, a synchronisation of a stream, an event or the whole device.
[[nodiscard]] std::vector<std::string> waits();
/// Copies to the device since then, and how many of them came from memory that is not pinned (on CUDA these go through a
/// buffer of the driver's, which may wait).
struct Copies {
    std::int64_t pinned = 0;
    std::int64_t pageable = 0;
    friend bool operator==(const Copies&, const Copies&) = default;
};
[[nodiscard]] Copies copies();
/// Memory that a stream used while another's use of it may not have been over, since the last `forget()`.
[[nodiscard]] std::vector<std::string> races();
/// How many operations each stream was given since then; the first is the default one.
[[nodiscard]] std::vector<std::int64_t> operations();
void forget();

}  // namespace simulated
