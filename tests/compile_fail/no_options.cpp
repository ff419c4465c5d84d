// SPDX-License-Identifier: Apache-2.0
// mistake: A Trainer without lit::TrainerOptions
// lightning: All arguments have defaults
// expect: lit: Trainer was given no lit::TrainerOptions
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}};
#endif
}
