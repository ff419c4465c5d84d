// SPDX-License-Identifier: Apache-2.0
// The run of resume_across.py in lit: trains, from the beginning or from a checkpoint of lit's or Lightning's, and tells its
// losses.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/load_from_checkpoint.hpp>
#include <lit/core/error.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "programs/arguments.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

namespace F = torch::nn::functional;

struct HParams {
    std::int64_t hidden = 16;
    double lr = 0.01;
};

struct Net : lit::Module<Net, HParams> {
    torch::nn::Linear first{nullptr}, last{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    std::FILE* losses = nullptr;

    explicit Net(HParams h = {}) : Module(h) {
        first = register_module("first", torch::nn::Linear(8, hparams.hidden));
        norm = register_module("norm", torch::nn::BatchNorm1d(hparams.hidden));
        last = register_module("last", torch::nn::Linear(hparams.hidden, 1));
    }
    at::Tensor loss_of(const lit::Example& batch) {
        return F::mse_loss(last(torch::tanh(norm(first(batch.data)))), batch.target);
    }
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor loss = loss_of(batch);
        if (losses != nullptr) {
            std::fprintf(losses, "%.9g\n", loss.item<double>());
        }
        return loss;
    }
    void validation_step(const lit::Example& batch) { log<"val_loss">(loss_of(batch)); }
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::AdamW{parameters(), {.lr = hparams.lr}},
                                    .lr_scheduler = lit::StepLR{{.step_size = 1, .gamma = 0.5}}};
    }
};

// As in resume_across.py.
std::vector<lit::Example> batches() {
    std::vector<lit::Example> all;
    for (std::int64_t i = 0; i < 5; ++i) {
        const at::Tensor x = at::sin(at::arange(48 * i, 48 * (i + 1), at::kFloat) * 0.37).view({6, 8});
        all.push_back({x, x.sum(1, true)});
    }
    return all;
}

int run(const Arguments& arguments) {
    at::set_num_threads(1);
    if (const std::string file = arguments.text("rebuild"); !file.empty()) {
        const Net net = lit::load_from_checkpoint<Net>(file);
        std::printf("hidden=%lld lr=%.17g rows=%lld\n", static_cast<long long>(net.hparams.hidden), net.hparams.lr,
                    static_cast<long long>(net.first->weight.size(0)));
        return 0;
    }
    torch::manual_seed(static_cast<std::uint64_t>(arguments.number("seed", 7)));
    Net net({.hidden = 24, .lr = 0.02});
    net.losses = std::fopen(arguments.text("losses").c_str(), "w");
    lit::Trainer trainer{
        lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
        lit::TrainerOptions{.max_epochs = arguments.number("epochs", 4)}, lit::EarlyStopping<"val_loss">{{.patience = 50}},
        lit::ModelCheckpoint<"val_loss">{
            {.dirpath = arguments.text("folder"), .filename = "{epoch}", .save_last = true, .save_top_k = -1}}};
    const bool finished = trainer.fit(net, batches(), batches(), {.ckpt_path = arguments.text("from")}).finished();
    std::fclose(net.losses);
    return finished ? 0 : 4;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(Arguments(argc, argv));
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 3;
    }
}
