// SPDX-License-Identifier: Apache-2.0
// mistake: training_step returns `loss.item()`
// lightning: MisconfigurationException or an error of autograd at the first batch
// expect: lit: training_step returned a plain number, which knows no gradients
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch);
#else
    double training_step(const at::Tensor& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
