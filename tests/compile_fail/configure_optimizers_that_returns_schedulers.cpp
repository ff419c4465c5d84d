// SPDX-License-Identifier: Apache-2.0
// mistake: Optimizer and scheduler side by side, Lightning's `[optimizer], [scheduler]`
// lightning: This is one of its forms
// expect: lit: configure_optimizers() returned a scheduler beside the optimizer
#include <lit/optim/configuration.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <utility>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    auto configure_optimizers() {
        lit::SGD optimizer{parameters(), {.lr = 0.1}};
#ifdef LIT_GOOD
        return lit::OptimizerConfig{.optimizer = std::move(optimizer), .lr_scheduler = lit::LinearLR{}};
#else
        return std::pair{std::move(optimizer), lit::LinearLR{}};
#endif
    }
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
