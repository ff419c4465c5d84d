// SPDX-License-Identifier: Apache-2.0
//
// The network of examples/minimal, its layers as types: sizes are checked by the compiler, and the training step needs no autograd.
// [readme]
#include <lit/lit.hpp>
#include <lit/module/nn.hpp>

namespace F = torch::nn::functional;
namespace nn = lit::nn;

struct Digits : lit::Module<Digits> {
    using Logs = lit::Logs<"train_loss", "val_loss">;
    using Net = nn::Sequential<nn::Shape<28, 28>, nn::Flatten, nn::Linear<784, 128>, nn::ReLU, nn::Linear<128, 10>>;
    Net net = register_module("net", Net());

    auto training_step(const lit::Example& batch) {
        auto step = net->step<nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss, {.prog_bar = true});
        return step;
    }
    // [readme]
    void validation_step(const lit::Example& batch) {
        log<"val_loss">(F::cross_entropy(net->forward(batch.data), batch.target), {.prog_bar = true});
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

int main() {
    lit::seed_everything(42);
    auto images = lit::mapped(lit::FashionMNIST{}, [](lit::Example b) -> lit::Example {
        return {b.data.to(torch::kFloat).div_(255), b.target};
    });
    auto [train, val] = lit::random_split(images, {55000, 5000}, 42);
    Digits model;
    auto trainer = lit::default_trainer({.max_epochs = 2}, lit::ModelCheckpoint<"val_loss">{});
    trainer.fit(model, lit::DataLoader{train, {.batch_size = 64, .shuffle = true}}, lit::DataLoader{val, {.batch_size = 500}});
}
