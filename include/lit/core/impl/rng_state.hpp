// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/rng_state.hpp>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <mutex>

namespace lit {

LIT_INLINE at::Tensor get_rng_state(at::Device device) {
    at::Generator generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    return generator.get_state();
}

LIT_INLINE void set_rng_state(const at::Tensor& state, at::Device device) {
    at::Generator generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    generator.set_state(state);
}

LIT_INLINE RngStates RngStates::now(at::Device device) {
    return {get_rng_state(), device.is_cpu() ? at::Tensor() : get_rng_state(device)};
}

LIT_INLINE void RngStates::restore(at::Device to) const {
    if (cpu.defined()) {
        set_rng_state(cpu);
    }
    if (device.defined() && !to.is_cpu()) {
        set_rng_state(device, to);
    }
}

}  // namespace lit
