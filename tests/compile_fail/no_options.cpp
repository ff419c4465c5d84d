// SPDX-License-Identifier: Apache-2.0
// mistake: A Trainer without lit::TrainerOptions
// lightning: All arguments have defaults
// expect: lit: Trainer was given no lit::TrainerOptions
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/core/batch.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

struct Regression : lit::Module<Regression> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(line(batch.data), batch.target);
        log<"loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1, .momentum = 0.9}}; }
};

int main() {
    const at::Tensor x = at::randn({1024, 3});
    const lit::TensorDataset dataset{x, x.sum(1, true)};
    lit::DataLoader loader{dataset, {.batch_size = 32, .shuffle = true}};
    Regression model;
#ifdef LIT_GOOD
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::LearningRateMonitor{}};
#else
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}};
#endif
    trainer.fit(model, loader);
}
