// SPDX-License-Identifier: Apache-2.0
// mistake: Two callbacks whose state has one key
// lightning: RuntimeError when the trainer is built
// expect: lit: two components have the same state_key()
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
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

struct Counter {
    static constexpr const char* state_key() { return "Counter"; }
    lit::Dict state_dict() const { return lit::Dict{{"batches", batches}}; }
    void load_state_dict(const lit::Dict& state) { batches = state.at("batches").to_int(); }
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/) { ++batches; }

    std::int64_t batches = 0;
};

int main() {
    std::vector<at::Tensor> batches(50, at::rand({16, 64}));
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
#ifdef LIT_GOOD
                         Counter{}};
#else
                         Counter{}, lit::GradientClip{1.0}, Counter{}};
#endif
    trainer.fit(model, batches);
}
