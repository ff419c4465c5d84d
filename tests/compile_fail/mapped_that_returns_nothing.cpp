// SPDX-License-Identifier: Apache-2.0
// mistake: A transform that changes the batch and does not return it
// lightning: TypeError when the batch is collated
// expect: lit: the function given to mapped(dataset, function) returns nothing
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
    const auto dataset = lit::mapped(raw, [](lit::Example batch) {
        batch.data = batch.data / 255;
#ifdef LIT_GOOD
        return batch;
#endif
    });
    lit::DataLoader loader{dataset, {.batch_size = 32, .shuffle = true}};
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 20},
                         lit::LearningRateMonitor{}};
    trainer.fit(model, loader);
}
