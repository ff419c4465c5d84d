// SPDX-License-Identifier: Apache-2.0
// mistake: Two components that clip gradients
// lightning: One argument, so it cannot be written
// expect: lit: gradients can be clipped in one way only
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <vector>

struct HParams {
    std::int64_t hidden = 64;
    double lr = 1e-3;
};

struct Batch {
    at::Tensor x, y;
};

struct Digits : lit::Module<Digits, HParams> {
    torch::nn::Linear in{nullptr}, out{nullptr};

    explicit Digits(HParams given = {}) : Module(given) {
        in = register_module("in", torch::nn::Linear(784, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 10));
    }
    at::Tensor forward(const at::Tensor& x) { return out(in(x.flatten(1)).relu()); }
    at::Tensor training_step(const Batch& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(forward(batch.x), batch.y);
        log<"train_loss">(loss, {.prog_bar = true});
        return loss;
    }
    void validation_step(const Batch& batch) {
        log<"val_loss">(torch::nn::functional::cross_entropy(forward(batch.x), batch.y));
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = hparams.lr}}; }
};

int main() {
    std::vector<Batch> train(100, Batch{at::rand({32, 28, 28}), at::randint(10, {32})});
    std::vector<Batch> val(10, Batch{at::rand({32, 28, 28}), at::randint(10, {32})});
    Digits model({.hidden = 128});
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 5},
#ifdef LIT_GOOD
                         lit::GradientClip{1.0}, lit::EarlyStopping<"val_loss">{}};
#else
                         lit::GradientClip{1.0}, lit::GradientClip{0.5, lit::ClipAlgorithm::value}};
#endif
    trainer.fit(model, train, val);
}
