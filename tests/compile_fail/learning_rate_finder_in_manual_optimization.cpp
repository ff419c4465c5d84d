// SPDX-License-Identifier: Apache-2.0
// mistake: LearningRateFinder for a module that optimizes by hand
// lightning: the rate never moves, and the suggestion is the smallest rate
// expect: lit: LearningRateFinder raises the rate after each step that the trainer makes
// expect: Remove the finder
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/tuner.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifndef LIT_GOOD
    static constexpr bool automatic_optimization = false;
#endif
    double lr = 0.1;
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::LearningRateFinder<>{}};
    trainer.fit(net, batches);
}
