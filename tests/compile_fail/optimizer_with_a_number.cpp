// SPDX-License-Identifier: Apache-2.0
// mistake: `AdamW(parameters(), 0.001)`
// lightning: This is how it is written there
// expect: lit: the settings of an optimizer have names
#include <lit/data/dataset.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct Regression : lit::Module<Regression> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));
    at::Tensor training_step(const lit::Example& batch) {
        return torch::nn::functional::mse_loss(line(batch.data), batch.target);
    }
    auto configure_optimizers() {
#ifdef LIT_GOOD
        return lit::AdamW{parameters(), {.lr = 0.001}};
#else
        return lit::AdamW(parameters(), 0.001);
#endif
    }
};

int main() {
    std::vector<lit::Example> batches(4, lit::Example{at::ones({8, 3}), at::ones({8, 1})});
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
    trainer.fit(model, batches);
}
