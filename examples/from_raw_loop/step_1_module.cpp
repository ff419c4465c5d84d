// SPDX-License-Identifier: Apache-2.0
// The same, with the loop handed over: the network becomes a lit::Module, the body of the loop its training_step, the
// tensors a dataset. The bare trainer does what the hand-written loop did, and nothing else.
#include <lit/data/data_loader.hpp>
#include <lit/data/fashion_mnist.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn.h>

#include <cstdio>

namespace F = torch::nn::functional;

struct Net : lit::Module<Net> {
    Net() {
        in = register_module("in", torch::nn::Linear(784, 64));
        out = register_module("out", torch::nn::Linear(64, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x))); }
    torch::Tensor training_step(const lit::Example& batch) { return F::cross_entropy(forward(batch.data), batch.target); }
    void validation_step(const lit::Example& batch) {
        log<"val_acc">(forward(batch.data).argmax(1).eq(batch.target).to(torch::kFloat).mean());
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
    torch::nn::Linear in{nullptr}, out{nullptr};
};

// What the loop printed is a callback of one hook.
struct PrintAccuracy {
    void on_validation_end(auto& trainer) {
        if (!trainer.sanity_checking()) {
            std::printf("epoch %lld  val_acc %.3f\n", static_cast<long long>(trainer.current_epoch()),
                        trainer.template metric<"val_acc">());
        }
    }
};

int main() {
    lit::seed_everything(0);
    const lit::FashionMNIST images;
    const auto x = images.data().narrow(0, 0, 6000).flatten(1).to(torch::kFloat).div(255);
    const auto y = images.target().narrow(0, 0, 6000);
    lit::DataLoader train{lit::TensorDataset{x.narrow(0, 0, 5000), y.narrow(0, 0, 5000)}, {.batch_size = 64, .shuffle = true}};
    lit::DataLoader val{lit::TensorDataset{x.narrow(0, 5000, 1000), y.narrow(0, 5000, 1000)}, {.batch_size = 500}};

    Net net;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 3}, PrintAccuracy{}};
    trainer.fit(net, train, val);
}
