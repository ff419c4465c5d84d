// SPDX-License-Identifier: Apache-2.0
// mistake: `val_step` for `validation_step`
// lightning: Nothing is validated; a warning if validation data were given
// expect: this module has a member val_step, which is no hook. Lightning's name is validation_step
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void validation_step(const at::Tensor& batch);
#else
    void val_step(const at::Tensor& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
