// SPDX-License-Identifier: Apache-2.0
// mistake: A const module
// lightning: Python has no const
// expect: lit: a const module was given
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <utility>
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
    trainer.fit(std::as_const(net), batches);
#endif
}
