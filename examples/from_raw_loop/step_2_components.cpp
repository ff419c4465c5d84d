// SPDX-License-Identifier: Apache-2.0
// What the hand-written loop kept by itself, and what it never had: the best checkpoint, early stopping, curves,
// clipping and accumulation are components in a list. The module of step 1 only gains names for what it logs.
#include <lit/lit.hpp>

#include <cstdio>

namespace F = torch::nn::functional;

struct HParams {
    std::int64_t hidden = 64;
    double lr = 1e-3;
};

struct Net : lit::Module<Net, HParams> {
    using Logs = lit::Logs<"train_loss", "val_loss", "val_acc">;

    explicit Net(HParams h = {}) : Module(h) {
        in = register_module("in", torch::nn::Linear(784, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x))); }
    torch::Tensor training_step(const lit::Example& batch) {
        auto loss = F::cross_entropy(forward(batch.data), batch.target);
        log<"train_loss">(loss, {.prog_bar = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        const auto scores = forward(batch.data);
        log<"val_loss">(F::cross_entropy(scores, batch.target));
        log<"val_acc">(scores.argmax(1).eq(batch.target).to(torch::kFloat).mean(), {.prog_bar = true});
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = hparams.lr}}; }
    torch::nn::Linear in{nullptr}, out{nullptr};
};

int main() {
    lit::seed_everything(0);
    const lit::FashionMNIST images;
    const auto x = images.data().narrow(0, 0, 6000).flatten(1).to(torch::kFloat).div(255);
    const auto y = images.target().narrow(0, 0, 6000);
    lit::DataLoader train{lit::TensorDataset{x.narrow(0, 0, 5000), y.narrow(0, 0, 5000)}, {.batch_size = 64, .shuffle = true}};
    lit::DataLoader val{lit::TensorDataset{x.narrow(0, 5000, 1000), y.narrow(0, 5000, 1000)}, {.batch_size = 500}};

    Net net({.hidden = 64});
    lit::Trainer trainer{lit::SingleDevice{},
                         lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 5, .log_every_n_steps = 10},
                         lit::CSVLogger{},
                         lit::GradientAccumulation{2},
                         lit::GradientClip{1.0},
                         lit::EarlyStopping<"val_loss">{{.patience = 2}},
                         lit::ModelCheckpoint<"val_acc">{{.mode = lit::Mode::maximize}}};
    trainer.fit(net, train, val);

    // The best weights, in a program that knows nothing of the run.
    const auto best = trainer.get<lit::ModelCheckpoint<"val_acc">>().best_model_path();
    Net restored = lit::load_from_checkpoint<Net>(best);
    restored.eval();
    const torch::NoGradGuard no_grad;
    const auto scores = restored.forward(x.narrow(0, 5000, 1000));
    std::printf("%s: accuracy %.3f\n", std::filesystem::path(best).filename().c_str(),
                scores.argmax(1).eq(y.narrow(0, 5000, 1000)).to(torch::kFloat).mean().item<double>());
}
