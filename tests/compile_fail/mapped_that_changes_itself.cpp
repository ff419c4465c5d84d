// SPDX-License-Identifier: Apache-2.0
// mistake: A transform that counts or draws in members of its own
// lightning: Each worker process has a copy, changes are lost
// expect: lit: the function given to mapped(dataset, function) must be callable
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/core/batch.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/mapped_dataset.hpp>
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
    const lit::TensorDataset raw{x, x.sum(1, true)};
#ifdef LIT_GOOD
    const auto dataset = lit::mapped(raw, [](lit::Example batch) -> lit::Example {
#else
    int calls = 0;
    const auto dataset = lit::mapped(raw, [calls](lit::Example batch) mutable -> lit::Example {
        ++calls;
#endif
        return {batch.data / 255, batch.target};
    });
    lit::DataLoader loader{dataset, {.batch_size = 32, .shuffle = true}};
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 20},
                         lit::LearningRateMonitor{}};
    trainer.fit(model, loader);
}
