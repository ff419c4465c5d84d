// SPDX-License-Identifier: Apache-2.0
// mistake: `on_epoch_end` in a callback, removed in Lightning 2
// lightning: Never called, nothing is said
// expect: this callback has a member on_epoch_end, which is no hook. Lightning's name is on_train_epoch_end
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

#include <cstdio>

struct Regression : lit::Module<Regression> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(line(batch.data), batch.target);
        log<"loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1, .momentum = 0.9}}; }
};

struct Watcher {
    void on_fit_start(auto& /*trainer*/, auto& /*module*/) { epochs = 0; }
#ifdef LIT_GOOD
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
#else
    void on_epoch_end(auto& trainer, auto& /*module*/) {
#endif
        std::printf("%d epochs, %lld steps\n", ++epochs, static_cast<long long>(trainer.global_step()));
    }

    int epochs = 0;
};

int main() {
    const at::Tensor x = at::randn({1024, 3});
    const lit::TensorDataset dataset{x, x.sum(1, true)};
    lit::DataLoader loader{dataset, {.batch_size = 32, .shuffle = true}};
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 20},
                         lit::LearningRateMonitor{}, Watcher{}};
    trainer.fit(model, loader);
}
