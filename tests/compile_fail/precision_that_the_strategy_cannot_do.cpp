// SPDX-License-Identifier: Apache-2.0
// mistake: A precision that the strategy cannot compute in
// lightning: ValueError or RuntimeError when the trainer is built or the first step is taken
// expect: lit: this strategy cannot compute in this precision
// A strategy of the user's: lit's own can do every precision of lit's.
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <concepts>
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

struct OldDevice : lit::SingleDevice {
    OldDevice() : SingleDevice() {}
    template <class Precision>
    static constexpr bool can_compute_in = std::same_as<Precision, lit::Fp32>;
};

int main() {
    std::vector<at::Tensor> batches(50, at::rand({16, 64}));
    AutoEncoder model;
#ifdef LIT_GOOD
    lit::Trainer trainer{OldDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10}, lit::GradientClip{1.0}};
#else
    lit::Trainer trainer{OldDevice{}, lit::Bf16Mixed{}, lit::TrainerOptions{.max_epochs = 10}, lit::GradientClip{1.0}};
#endif
    trainer.fit(model, batches);
}
