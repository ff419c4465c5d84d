// SPDX-License-Identifier: Apache-2.0
// mistake: A pointer to a module, LibTorch's habit
// lightning: Python has references only
// expect: lit: a pointer to a module was given
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <memory>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    const auto pointer = std::make_shared<Net>();
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(*pointer, batches);
#else
    trainer.fit(pointer, batches);
#endif
}
