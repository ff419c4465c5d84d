// SPDX-License-Identifier: Apache-2.0
// mistake: `configure_optimisers` for `configure_optimizers`
// lightning: MisconfigurationException when fit begins: no configure_optimizers
// expect: this module has a member configure_optimisers, which is no hook. Lightning's name is configure_optimizers
#include <lit/callbacks/gradient_clip.hpp>
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
#ifdef LIT_GOOD
    auto configure_optimizers() {
#else
    auto configure_optimisers() {
#endif
        return lit::AdamW{parameters(), {.lr = 2e-3}};
    }
};

int main() {
    std::vector<at::Tensor> batches(50, at::rand({16, 64}));
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::GradientClip{1.0}};
    trainer.fit(model, batches);
}
