// SPDX-License-Identifier: Apache-2.0
// mistake: Asking the trainer for a callback that it does not have
// lightning: AttributeError or None at run time
// expect: lit: this trainer has no component of that type
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::GradientClip{1.0}};
#ifdef LIT_GOOD
    static_cast<void>(trainer.get<lit::GradientClip>());
#else
    static_cast<void>(trainer.get<lit::GradientAccumulation>());
#endif
}
