// SPDX-License-Identifier: Apache-2.0
// mistake: StochasticWeightAveraging with two optimizers
// lightning: MisconfigurationException when fit begins
// expect: lit: StochasticWeightAveraging works with one optimizer
// expect: lit::WeightAveraging
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <tuple>
#include <vector>

struct Net : lit::Module<Net> {
    static constexpr bool automatic_optimization = false;
    void training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    lit::SGD configure_optimizers();
#else
    std::tuple<lit::SGD, lit::SGD> configure_optimizers();
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::StochasticWeightAveraging{{.swa_lrs = 0.05}}};
    trainer.fit(net, batches);
}
