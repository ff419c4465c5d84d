// SPDX-License-Identifier: Apache-2.0
// mistake: ReduceLROnPlateau stepped by hand without the metric
// lightning: TypeError at that step
// expect: lit: this scheduler steps by a metric. Write scheduler.step(value)
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
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
    lit::OptimizerConfig<lit::SGD, lit::ReduceLROnPlateau> configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
