// SPDX-License-Identifier: Apache-2.0
// mistake: A hook's name with a letter too much: `on_train_epoch_ends`
// lightning: Never called, nothing is said
// expect: this module has a member on_train_epoch_ends, which is no hook
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void on_train_epoch_end();
#else
    void on_train_epoch_ends();
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
