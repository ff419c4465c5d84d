// SPDX-License-Identifier: Apache-2.0
// mistake: on_after_batch_transfer changes the batch and does not return it
// lightning: Every batch is skipped, with one warning
// expect: have to return the batch, and one of them returns nothing
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    at::Tensor on_after_batch_transfer(const at::Tensor& batch);
#else
    void on_after_batch_transfer(const at::Tensor& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
