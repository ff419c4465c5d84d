// SPDX-License-Identifier: Apache-2.0
// mistake: `validation_epoch_end(outputs)` of Lightning 1
// lightning: NotImplementedError when fit begins
// expect: this module has a member validation_epoch_end, which is no hook. Lightning's name is on_validation_epoch_end
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void on_validation_epoch_end();
#else
    void validation_epoch_end(const std::vector<at::Tensor>& outputs);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
