// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace lit {

/// The state of a device's default generator, a uint8 tensor on the CPU; that of the CPU's has 5056 elements, as Python's
/// `torch.get_rng_state()`.
[[nodiscard]] LIT_INLINE at::Tensor get_rng_state(at::Device device = at::kCPU);
LIT_INLINE void set_rng_state(const at::Tensor& state, at::Device device = at::kCPU);

/// The states of the default generators that a run draws from: the CPU's, and its device's where that is another.
struct RngStates {
    at::Tensor cpu;     ///< undefined: of no moment
    at::Tensor device;  ///< undefined on the CPU

    [[nodiscard]] static RngStates now(at::Device device);
    [[nodiscard]] bool defined() const { return cpu.defined(); }
    /// A state that is undefined leaves its generator as it is.
    void restore(at::Device to) const;
};

/// What happens while it lives draws from the generators of the CPU and of `device` without leaving a trace.
class RngIsolation {
 public:
    explicit RngIsolation(at::Device device = at::kCPU) : device_(device), states_(RngStates::now(device)) {}
    RngIsolation(const RngIsolation&) = delete;
    RngIsolation& operator=(const RngIsolation&) = delete;
    ~RngIsolation() { states_.restore(device_); }

 private:
    at::Device device_;
    RngStates states_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/rng_state.hpp>
#endif
