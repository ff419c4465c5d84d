// SPDX-License-Identifier: Apache-2.0
// mistake: The precision in the place of the strategy
// lightning: Arguments have names
// expect: lit: Trainer's first slot is the strategy, found a precision
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::Fp32{}, lit::SingleDevice{}, lit::TrainerOptions{}};
#endif
}
