// SPDX-License-Identifier: Apache-2.0
// mistake: `self.optimizers()` in a module
// lightning: This is how it is written there
// expect: lit: optimizers() is the trainer's
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    static constexpr bool automatic_optimization = false;
#ifdef LIT_GOOD
    void training_step(auto& trainer, const at::Tensor& batch) { trainer.optimizers().step(); }
#else
    void training_step(const at::Tensor& batch) { optimizers(); }
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
