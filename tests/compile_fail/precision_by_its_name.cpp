// SPDX-License-Identifier: Apache-2.0
// mistake: Lightning's `precision="bf16-mixed"`
// lightning: This is how it is written there
// expect: lit: Trainer's second slot has to be a precision
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, "bf16-mixed", lit::TrainerOptions{}};
#endif
}
