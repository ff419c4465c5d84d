// SPDX-License-Identifier: Apache-2.0
// mistake: configure_optimizers() without a return
// lightning: A warning; trains without an optimizer
// expect: lit: configure_optimizers() returns nothing
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    auto configure_optimizers() {
        lit::SGD optimizer{parameters(), {.lr = 0.1}};
#ifdef LIT_GOOD
        return optimizer;
#endif
    }
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
