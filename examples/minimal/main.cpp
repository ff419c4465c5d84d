// SPDX-License-Identifier: Apache-2.0
// [readme]
#include <lit/lit.hpp>

namespace F = torch::nn::functional;

struct DigitsHParams { std::int64_t hidden = 128; double lr = 1e-3; };  // saved, logged, rebuilt from a checkpoint

struct Digits : lit::Module<Digits, DigitsHParams> {
    using Logs = lit::Logs<"train_loss", "val_loss", "val_acc">;  // names that monitors may use, checked when compiled
    torch::nn::Linear in{nullptr}, out{nullptr};

    explicit Digits(DigitsHParams h = {}) : Module(h) {
        in = register_module("in", torch::nn::Linear(784, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x.flatten(1)))); }
    torch::Tensor training_step(const lit::Example& batch) {
        auto loss = F::cross_entropy(forward(batch.data), batch.target);
        log<"train_loss">(loss, {.prog_bar = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        auto y = forward(batch.data);
        log<"val_loss">(F::cross_entropy(y, batch.target));
        log<"val_acc">(y.argmax(1).eq(batch.target).to(torch::kFloat).mean(), {.prog_bar = true});
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = hparams.lr}}; }
};

int main() {
    lit::seed_everything(42);
    auto images = lit::mapped(lit::FashionMNIST{}, [](lit::Example b) -> lit::Example {
        return {b.data.to(torch::kFloat).div_(255), b.target};
    });
    auto [train, val] = lit::random_split(images, {55000, 5000}, 42);
    Digits model({.hidden = 128});
    auto trainer = lit::default_trainer({.max_epochs = 2}, lit::ModelCheckpoint<"val_acc">{{.mode = lit::Mode::maximize}});
    trainer.fit(model, lit::DataLoader{train, {.batch_size = 64, .shuffle = true}}, lit::DataLoader{val, {.batch_size = 500}});
}
// [readme]
