// SPDX-License-Identifier: Apache-2.0
// mistake: predict_step without a return
// lightning: A list of None, and a warning
// expect: lit: predict_step has to return the prediction of its batch
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdio>
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
    at::Tensor predict_step(const at::Tensor& batch) { return encoder->forward(batch); }
#else
    void predict_step(const at::Tensor& batch) { std::printf("%f\n", encoder->forward(batch).norm().item<double>()); }
#endif
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 2e-3}}; }
};

int main() {
    std::vector<at::Tensor> batches(50, at::rand({16, 64}));
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::GradientClip{1.0}};
    trainer.fit(model, batches);
    trainer.predict(model, batches);
}
