// SPDX-License-Identifier: Apache-2.0
// mistake: Components before the options
// lightning: Arguments have names
// expect: lit: Trainer takes a strategy, a precision, lit::TrainerOptions and then the components, in this order
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                               lit::GradientClip{1.0}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::GradientClip{1.0},
                               lit::TrainerOptions{}};
#endif
}
