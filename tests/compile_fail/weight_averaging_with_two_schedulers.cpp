// SPDX-License-Identifier: Apache-2.0
// mistake: StochasticWeightAveraging with two schedulers
// lightning: MisconfigurationException when fit begins
// expect: lit: StochasticWeightAveraging takes the place of one lr_scheduler
// expect: Return one
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <tuple>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    lit::OptimizerConfig<lit::SGD, lit::StepLR> configure_optimizers();
#else
    lit::OptimizerConfig<lit::SGD, std::tuple<lit::StepLR, lit::ExponentialLR>> configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::StochasticWeightAveraging{{.swa_lrs = 0.05}}};
    trainer.fit(net, batches);
}
