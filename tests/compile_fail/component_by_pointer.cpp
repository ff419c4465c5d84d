// SPDX-License-Identifier: Apache-2.0
// mistake: A callback handed over as a pointer
// lightning: Python has references only
// expect: lit: a component of this Trainer is a pointer or a reference wrapper
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <memory>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::GradientClip{1.0}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, std::make_unique<lit::GradientClip>(1.0)};
#endif
}
