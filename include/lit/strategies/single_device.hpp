// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/strategies/strategy.hpp>

#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <cstdint>
#include <string>
#include <utility>

namespace lit {

/// Which kind of device a strategy computes on.
enum class Accelerator : std::uint8_t {
    automatic,  ///< CUDA where there is a device, else the CPU
    cpu,
    cuda,
};

struct SingleDeviceOptions {
    Accelerator accelerator = Accelerator::automatic;
    std::int64_t index = 0;  ///< which CUDA device
};

/// One process, one device. Of several GPUs it becomes the thread's current one, where tensors go that are made on "CUDA".
///
/// Errors  ConfigError when a CUDA device is asked for that is not there.
/// Source  Lightning `SingleDeviceStrategy`; after a run the module is on the CPU again, as there.
class SingleDevice {
 public:
    explicit SingleDevice(SingleDeviceOptions options = {}) : options_(options) {}

    void setup_environment() {
        const auto count = static_cast<std::int64_t>(
            options_.accelerator == Accelerator::cpu ? 0 : torch::cuda::device_count());
        if (options_.accelerator == Accelerator::cpu || (options_.accelerator == Accelerator::automatic && count == 0)) {
            device_ = at::Device(at::kCPU);
            return;
        }
        if (options_.index < 0 || options_.index >= count) {
            throw ConfigError("SingleDevice: CUDA device " + std::to_string(options_.index) + " was asked for, found " +
                              std::to_string(count) + ". Use Accelerator::cpu, or an index below that.");
        }
        device_ = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(options_.index));
        c10::impl::VirtualGuardImpl(device_.type()).setDevice(device_);
    }
    [[nodiscard]] at::Device device() const { return device_; }
    [[nodiscard]] SingleProcess collective() const { return {}; }

    void setup(torch::nn::Module& module, bool /*training*/) const {
        if (!device_.is_cpu()) {
            module.to(device_);
        }
    }
    static void before_forward(bool /*synchronise*/) {}
    static void before_backward(const at::Tensor& /*loss*/, bool /*synchronise*/) {}
    void teardown(torch::nn::Module& module) const {
        if (!device_.is_cpu()) {
            module.to(at::Device(at::kCPU));
        }
    }

 private:
    SingleDeviceOptions options_;
    at::Device device_{at::kCPU};
};
static_assert(StrategyPolicy<SingleDevice>);

}  // namespace lit
