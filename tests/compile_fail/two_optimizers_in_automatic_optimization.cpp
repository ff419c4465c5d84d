// SPDX-License-Identifier: Apache-2.0
// mistake: Two optimizers without manual optimization
// lightning: RuntimeError when fit begins
// expect: lit: automatic optimization has exactly one optimizer
// expect: automatic_optimization = false
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <tuple>
#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    static constexpr bool automatic_optimization = false;
#endif
    at::Tensor training_step(const at::Tensor& batch);
    std::tuple<lit::SGD, lit::SGD> configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
