// SPDX-License-Identifier: Apache-2.0
// mistake: `lit::nn::OwnKernels` behind a layer of a static network
// lightning: no such thing
// expect: lit: what names the kernels of a lit::nn::Sequential stands before its layers
#include <lit/data/dataset.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Digits : lit::Module<Digits> {
#ifdef LIT_GOOD
    using Net = lit::nn::Sequential<lit::nn::OwnKernels, lit::nn::Linear<784, 64>, lit::nn::ReLU, lit::nn::Linear<64, 10>>;
#else
    using Net = lit::nn::Sequential<lit::nn::Linear<784, 64>, lit::nn::ReLU, lit::nn::Linear<64, 10>, lit::nn::OwnKernels>;
#endif
    Net net = register_module("net", Net());

    auto training_step(const lit::Example& batch) {
        auto step = net->step<lit::nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss);
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

int main() {
    std::vector<lit::Example> batches(20, lit::Example{at::rand({64, 784}), at::randint(10, {64}, at::kLong)});
    Digits model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
    trainer.fit(model, batches);
}
