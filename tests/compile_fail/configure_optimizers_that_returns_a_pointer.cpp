// SPDX-License-Identifier: Apache-2.0
// mistake: A pointer to an optimizer, as LibTorch's examples hold it
// lightning: Python has references only
// expect: lit: configure_optimizers() returned a pointer
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <memory>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    lit::SGD configure_optimizers();
#else
    std::shared_ptr<lit::SGD> configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
