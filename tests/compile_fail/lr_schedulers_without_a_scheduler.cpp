// SPDX-License-Identifier: Apache-2.0
// mistake: lr_schedulers() of a module that has none
// lightning: None, and an AttributeError at its step
// expect: lit: lr_schedulers(): configure_optimizers returned no scheduler
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    static constexpr bool automatic_optimization = false;
    void training_step(auto& trainer, const at::Tensor& /*batch*/) { trainer.lr_schedulers().step(); }
#ifdef LIT_GOOD
    lit::OptimizerConfig<lit::SGD, lit::ExponentialLR> configure_optimizers();
#else
    lit::SGD configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
