// SPDX-License-Identifier: Apache-2.0
// mistake: training_step takes another batch than the loader yields
// lightning: AttributeError or TypeError at the first batch
// expect: this module has a member training_step that cannot be called as training_step(batch, batch_idx)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <string>
#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch);
#else
    at::Tensor training_step(const std::string& batch);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
