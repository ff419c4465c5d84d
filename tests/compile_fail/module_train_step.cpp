// SPDX-License-Identifier: Apache-2.0
// mistake: `train_step` for `training_step`
// lightning: MisconfigurationException when fit begins: no training_step
// expect: this module has a member train_step, which is no hook. Lightning's name is training_step
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch);
#else
    at::Tensor train_step(const at::Tensor& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
