// SPDX-License-Identifier: Apache-2.0
//
// Finds a batch size and a learning rate, trains with them, and leaves lr_find.csv to draw.
#include <lit/lit.hpp>

#include <cstdio>
#include <fstream>

namespace F = torch::nn::functional;

/// Clouds around ten points: the loaders are built from `batch_size`, so that it can be looked for.
struct Clouds : lit::DataModule<Clouds> {
    struct HParams {
        std::int64_t batch_size = 32;
    } hparams;

    Clouds() {
        const auto label = torch::randint(10, {4096});
        const auto point = 2 * torch::randn({10, 64}).index_select(0, label) + torch::randn({4096, 64});
        all.emplace(point, label);
    }
    auto train_dataloader() { return lit::DataLoader{*all, {.batch_size = hparams.batch_size, .shuffle = true}}; }

    std::optional<lit::TensorDataset> all;
};

struct NetHParams {
    std::int64_t hidden = 128;
    double lr = 1e-3;
};
struct Net : lit::Module<Net, NetHParams> {
    using Logs = lit::Logs<"train_loss", "train_acc">;
    torch::nn::Linear in{nullptr}, out{nullptr};

    explicit Net(NetHParams h = {}) : Module(h) {
        in = register_module("in", torch::nn::Linear(64, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 10));
    }
    torch::Tensor training_step(const lit::Example& batch) {
        const auto scores = out(torch::relu(in(batch.data)));
        const auto loss = F::cross_entropy(scores, batch.target);
        log<"train_loss">(loss, {.on_epoch = true});
        log<"train_acc">(scores.argmax(1).eq(batch.target).to(torch::kFloat).mean(), {.on_epoch = true});
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = hparams.lr, .momentum = 0.9}}; }
};

int main() {
    lit::seed_everything(42);
    Clouds data;
    Net net;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 3}};
    lit::Tuner tuner{trainer};

    // Doubled until memory runs out, the data are covered, or max_val is reached; data.hparams.batch_size has it then.
    const auto size = tuner.scale_batch_size(net, data, {.init_val = 16, .max_val = 128});
    // net.hparams.lr has the suggestion then, so configure_optimizers() of the fit uses it.
    const auto found = tuner.lr_find(net, data, {.min_lr = 1e-5, .max_lr = 10.0, .num_training = 80});

    std::ofstream("lr_find.csv") << found->csv();
    std::printf("batch size %ld, learning rate %g of %zu that were tried\n", static_cast<long>(*size), net.hparams.lr,
                found->results.lr.size());
    trainer.fit(net, data);
    std::printf("accuracy in training after %ld epochs: %.3f\n", static_cast<long>(trainer.current_epoch()),
                trainer.callback_metrics().value("train_acc").value_or(0.0));
    return found->suggestion() && trainer.callback_metrics().value("train_acc").value_or(0.0) > 0.9 ? 0 : 1;
}
