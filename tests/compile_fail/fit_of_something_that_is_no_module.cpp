// SPDX-License-Identifier: Apache-2.0
// mistake: fit of a plain torch module
// lightning: TypeError when fit is called
// expect: lit: fit takes a module derived from lit::Module
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

#ifdef LIT_GOOD
struct Net : lit::Module<Net> {
#else
struct Net : torch::nn::Module {
#endif
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
