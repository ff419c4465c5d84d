// SPDX-License-Identifier: Apache-2.0
// mistake: OptimizerConfig written out for ReduceLROnPlateau, with a monitor and without its type
// lightning: A dict has no type
// expect: lit: this type, written out, says that no monitor is named, and one is
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <vector>

struct Batch {
    at::Tensor x, y;
};

struct Regression : lit::Module<Regression> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));

    at::Tensor training_step(const Batch& batch) { return torch::nn::functional::mse_loss(line(batch.x), batch.y); }
    void validation_step(const Batch& batch) {
        log<"val_loss">(torch::nn::functional::mse_loss(line(batch.x), batch.y));
    }
#ifdef LIT_GOOD
    lit::OptimizerConfig<lit::SGD, lit::ReduceLROnPlateau, std::string> configure_optimizers() {
#else
    lit::OptimizerConfig<lit::SGD, lit::ReduceLROnPlateau> configure_optimizers() {
#endif
        return {.optimizer = lit::SGD{parameters(), {.lr = 0.1}}, .lr_scheduler = lit::ReduceLROnPlateau{},
                .monitor = "val_loss"};
    }
};

int main() {
    std::vector<Batch> train(20, Batch{at::ones({16, 3}), at::ones({16, 1})});
    std::vector<Batch> val(5, Batch{at::ones({16, 3}), at::ones({16, 1})});
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 20},
                         lit::LearningRateMonitor{}};
    trainer.fit(model, train, val);
}
