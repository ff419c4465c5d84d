// SPDX-License-Identifier: Apache-2.0
// mistake: A dataset that does not know its size
// lightning: TypeError when the loader is walked
// expect: lit: DataLoader: this dataset has no size() const
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/data/data_loader.hpp>
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

struct Noise {
#ifdef LIT_GOOD
    std::int64_t size() const { return samples.size(0); }
#endif
    at::Tensor get_batch(lit::Indices indices) const {
        std::vector<at::Tensor> rows;
        for (const auto index : indices) {
            rows.push_back(samples[static_cast<std::int64_t>(index)]);
        }
        return at::stack(rows);
    }

    at::Tensor samples = at::rand({1000, 64});
};

int main() {
    lit::DataLoader loader{Noise{}, {.batch_size = 16}};
    AutoEncoder model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::GradientClip{1.0}};
    trainer.fit(model, loader);
}
