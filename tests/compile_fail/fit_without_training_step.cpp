// SPDX-License-Identifier: Apache-2.0
// mistake: No training_step
// lightning: MisconfigurationException when fit begins
// expect: lit: fit needs a training_step. Write at::Tensor training_step(const Batch& batch)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    lit::SGD configure_optimizers();
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
