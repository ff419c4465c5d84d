// SPDX-License-Identifier: Apache-2.0
// mistake: log of a metric object that is no member of the module
// lightning: MisconfigurationException at the first call
// expect: lit: log: this metric object is const or a temporary. Make it a member of the module
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/metrics/mean.hpp>
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
    lit::MeanMetric mean_loss;

    AutoEncoder() {
        register_module("encoder", encoder);
        register_module("decoder", decoder);
    }
    at::Tensor training_step(const at::Tensor& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(decoder(encoder->forward(batch)), batch);
        mean_loss.update(loss);
#ifdef LIT_GOOD
        log<"reconstruction">(mean_loss);
#else
        log<"reconstruction">(lit::MeanMetric{});
#endif
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 2e-3}}; }
};

int main() {
    std::vector<at::Tensor> batches(50, at::rand({16, 64}));
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::GradientClip{1.0}};
    trainer.fit(model, batches);
}
