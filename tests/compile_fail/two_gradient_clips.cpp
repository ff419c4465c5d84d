// SPDX-License-Identifier: Apache-2.0
// mistake: Two components that clip gradients
// lightning: One argument, so it cannot be written
// expect: lit: gradients can be clipped in one way only
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::GradientClip{1.0}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::GradientClip{1.0},
                               lit::GradientClip{0.5, lit::ClipAlgorithm::value}};
#endif
}
