// SPDX-License-Identifier: Apache-2.0
// mistake: A static network under a strategy of several processes that exchanges what autograd computes alone
// lightning: Nothing of the kind
// expect: lit: this step computes its gradients without autograd, and this strategy of several processes does not average such.
#include <lit/data/dataset.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/ddp.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Digits : lit::Module<Digits> {
    using Net = lit::nn::Sequential<lit::nn::Linear<784, 64>, lit::nn::ReLU, lit::nn::Linear<64, 10>>;
    Net net = register_module("net", Net());

    auto training_step(const lit::Example& batch) {
        auto step = net->step<lit::nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss);
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

struct Listens : lit::DDP {
    using lit::DDP::DDP;
    void average_gradients() = delete;
};

int main() {
    std::vector<lit::Example> batches(20, lit::Example{at::rand({64, 784}), at::randint(10, {64}, at::kLong)});
    Digits model;
#ifdef LIT_GOOD
    lit::Trainer trainer{lit::DDP{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
#else
    lit::Trainer trainer{Listens{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
#endif
    trainer.fit(model, batches);
}
