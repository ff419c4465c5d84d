// SPDX-License-Identifier: Apache-2.0
// mistake: `struct Fashion : lit::DataModule<Mnist>`, copied from another class
// lightning: No brackets there
// expect: lit: write struct X : lit::DataModule<X>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/data/data_module.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct AutoEncoder : lit::Module<AutoEncoder> {
    torch::nn::Sequential encoder{torch::nn::Linear(64, 16), torch::nn::ReLU(), torch::nn::Linear(16, 4)};
    torch::nn::Linear decoder{4, 64};

    AutoEncoder() {
        register_module("encoder", encoder);
        register_module("decoder", decoder);
    }
    at::Tensor training_step(const at::Tensor& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(decoder(encoder->forward(batch)), batch);
        log<"reconstruction">(loss, {.on_epoch = true});
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 2e-3}}; }
};

struct Digits {
    std::vector<at::Tensor> train_dataloader() { return std::vector<at::Tensor>(50, at::zeros({16, 64})); }
};

#ifdef LIT_GOOD
struct Fashion : lit::DataModule<Fashion> {
#else
struct Fashion : lit::DataModule<Digits> {
#endif
    std::vector<at::Tensor> train_dataloader() { return std::vector<at::Tensor>(50, at::rand({16, 64})); }
};

int main() {
    Fashion fashion;
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::GradientClip{1.0}};
    trainer.fit(model, fashion);
}
