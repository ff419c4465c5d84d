// SPDX-License-Identifier: Apache-2.0
// mistake: Module and data the wrong way round
// lightning: TypeError when fit is called
// expect: lit: the data were given before the module
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

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
    trainer.fit(batches, net);
#endif
}
