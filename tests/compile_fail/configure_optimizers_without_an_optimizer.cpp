// SPDX-License-Identifier: Apache-2.0
// mistake: configure_optimizers returns something that is no optimizer
// lightning: MisconfigurationException when fit begins
// expect: lit: configure_optimizers() returned something that is no optimizer
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    lit::SGD configure_optimizers();
#else
    double configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
