// SPDX-License-Identifier: Apache-2.0
// mistake: Tuner::lr_find with a trainer that searches in fit already
// lightning: ValueError when lr_find is called
// expect: lit: this trainer already has a LearningRateFinder
// expect: Remove it
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/tuner.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    double lr = 0.1;
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
#ifdef LIT_GOOD
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::LearningRateFinder<>{}};
#endif
    lit::Tuner{trainer}.lr_find(net, batches);
}
