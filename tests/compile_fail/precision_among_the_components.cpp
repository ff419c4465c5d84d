// SPDX-License-Identifier: Apache-2.0
// mistake: A precision among the callbacks
// lightning: AttributeError when the trainer is built
// expect: lit: a strategy or a precision stands among the components
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::Fp32{}};
#endif
}
