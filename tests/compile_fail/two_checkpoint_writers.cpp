// SPDX-License-Identifier: Apache-2.0
// mistake: Two components that write the checkpoints
// lightning: MisconfigurationException when the trainer is built
// expect: lit: two components write the checkpoints, and only the first would be asked. Keep one
#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct Review {
    at::Tensor words, label;
};

struct Sentiment : lit::Module<Sentiment> {
    torch::nn::Linear hidden = register_module("hidden", torch::nn::Linear(300, 50));
    torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.3));
    torch::nn::Linear out = register_module("out", torch::nn::Linear(50, 2));

    at::Tensor forward(const at::Tensor& words) { return out(dropout(hidden(words).tanh())); }
    at::Tensor training_step(const Review& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(forward(batch.words), batch.label);
        log<"train_loss">(loss);
        return loss;
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = 0.1}},
                                    .lr_scheduler = lit::StepLR{{.step_size = 5}}};
    }
};

int main() {
    std::vector<Review> reviews(40, Review{at::rand({8, 300}), at::randint(2, {8})});
    Sentiment model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 15},
#ifdef LIT_GOOD
                         lit::AsyncCheckpoint{}, lit::ModelCheckpoint<>{}};
#else
                         lit::AsyncCheckpoint{}, lit::ModelCheckpoint<>{}, lit::FileCheckpointIO{}};
#endif
    trainer.fit(model, reviews);
}
