// SPDX-License-Identifier: Apache-2.0
// mistake: A returned struct without `loss`
// lightning: MisconfigurationException at the first batch: the key loss is missing
// expect: lit: training_step returned a struct in which no loss is found
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Output {
#ifdef LIT_GOOD
    at::Tensor loss;
#else
    at::Tensor train_loss;
#endif
};

struct Net : lit::Module<Net> {
    Output training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
