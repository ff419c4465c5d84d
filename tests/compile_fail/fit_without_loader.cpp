// SPDX-License-Identifier: Apache-2.0
// mistake: No training data
// lightning: MisconfigurationException when fit begins
// expect: lit: fit needs training batches. Pass a loader as the second argument, or a data module with train_dataloader()
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(net, batches);
#else
    trainer.fit(net);
#endif
}
