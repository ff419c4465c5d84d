// SPDX-License-Identifier: Apache-2.0
// mistake: manual_backward without turning automatic optimization off
// lightning: MisconfigurationException at the first batch
// expect: lit: manual_backward belongs to manual optimization
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    static constexpr bool automatic_optimization = false;
#endif
    at::Tensor loss(const at::Tensor& batch);
    at::Tensor training_step(auto& trainer, const at::Tensor& batch) {
        auto value = loss(batch);
        trainer.manual_backward(value);
        return value;
    }
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
