// SPDX-License-Identifier: Apache-2.0
// mistake: GradientAccumulation and GradientAccumulationScheduler together
// lightning: ValueError when training begins
// expect: lit: gradients can be accumulated in one way only
// expect: Keep one of them
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                               lit::GradientAccumulationScheduler{{4, 2}}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::GradientAccumulation{4},
                               lit::GradientAccumulationScheduler{{4, 2}}};
#endif
}
