// SPDX-License-Identifier: Apache-2.0
// mistake: `return -1` in on_train_batch_start
// lightning: This is how an epoch is skipped there
// expect: lit: on_train_batch_start of a module returns nothing or a lit::Next
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
#ifdef LIT_GOOD
    lit::Next on_train_batch_start(const at::Tensor& batch);
#else
    int on_train_batch_start(const at::Tensor& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
