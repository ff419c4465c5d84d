// SPDX-License-Identifier: Apache-2.0
// mistake: `configure_optimisers` for `configure_optimizers`
// lightning: MisconfigurationException when fit begins: no configure_optimizers
// expect: this module has a member configure_optimisers, which is no hook. Lightning's name is configure_optimizers
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
    lit::SGD configure_optimisers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
