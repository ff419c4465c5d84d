// SPDX-License-Identifier: Apache-2.0
// mistake: training_step without a return
// lightning: A warning; nothing is learnt
// expect: lit: training_step has to return the loss in automatic optimization
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch);
#else
    void training_step(const at::Tensor& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
