// SPDX-License-Identifier: Apache-2.0
// mistake: `optimizer.step()` in training_step without turning automatic optimization off
// lightning: Steps twice for each batch, nothing is said
// expect: lit: an optimizer is stepped by hand in automatic optimization
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    static constexpr bool automatic_optimization = false;
#endif
    at::Tensor training_step(auto& trainer, const at::Tensor& batch) {
        trainer.optimizers().step();
        return batch;
    }
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
