// SPDX-License-Identifier: Apache-2.0
// mistake: Lightning's `strategy="ddp"`
// lightning: This is how it is written there
// expect: lit: Trainer's first slot has to be a strategy
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{"ddp", lit::Fp32{}, lit::TrainerOptions{}};
#endif
}
