// SPDX-License-Identifier: Apache-2.0
// mistake: A list of training loaders
// lightning: Combined; each batch is a list
// expect: lit: fit takes one training loader, found several
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
    std::vector<std::vector<at::Tensor>> loaders;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(net, loaders.front());
#else
    trainer.fit(net, loaders);
#endif
}
