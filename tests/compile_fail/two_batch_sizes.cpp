// SPDX-License-Identifier: Apache-2.0
// mistake: A DynamicBatchSize for each change of the batch size
// lightning: It has no such callback
// expect: lit: two components set the batch size, and only the last would be heard
#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

struct Line : lit::Module<Line> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));

    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(line(batch.data), batch.target);
        log<"train_loss">(loss, {.prog_bar = true});
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }
};

int main() {
    const lit::TensorDataset data{at::ones({512, 3}), at::ones({512, 1})};
    Line model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 30},
#ifdef LIT_GOOD
                         lit::DynamicBatchSize{{.at_epoch = {{10, 64}, {20, 128}}}},
#else
                         lit::DynamicBatchSize{{.at_epoch = {{10, 64}}}},
                         lit::DynamicBatchSize{{.at_epoch = {{20, 128}}}},
#endif
                         lit::LearningRateMonitor{}};
    trainer.fit(model, lit::DataLoader{data, {.batch_size = 32, .shuffle = true}});
}
