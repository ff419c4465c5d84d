// SPDX-License-Identifier: Apache-2.0
// mistake: Two strategies
// lightning: Arguments have names
// expect: lit: Trainer's second slot is the precision, found a strategy
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::SingleDevice{}, lit::TrainerOptions{}};
#endif
}
