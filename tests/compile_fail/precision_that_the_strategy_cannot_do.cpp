// SPDX-License-Identifier: Apache-2.0
// mistake: A precision that the strategy cannot compute in
// lightning: ValueError or RuntimeError when the trainer is built or the first step is taken
// expect: lit: this strategy cannot compute in this precision
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <concepts>

struct OldDevice : lit::SingleDevice {
    OldDevice() : SingleDevice() {}
    template <class Precision>
    static constexpr bool can_compute_in = std::same_as<Precision, lit::Fp32>;
};

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{OldDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{OldDevice{}, lit::Bf16Mixed{}, lit::TrainerOptions{}};
#endif
}
