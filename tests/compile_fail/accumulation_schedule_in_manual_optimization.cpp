// SPDX-License-Identifier: Apache-2.0
// mistake: GradientAccumulationScheduler for a module that optimizes by hand
// lightning: RuntimeError when training begins
// expect: lit: GradientAccumulationScheduler needs automatic optimization
// expect: Leave the component out
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifndef LIT_GOOD
    static constexpr bool automatic_optimization = false;
#endif
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::GradientAccumulationScheduler{{4, 2}}};
    trainer.fit(net, batches);
}
