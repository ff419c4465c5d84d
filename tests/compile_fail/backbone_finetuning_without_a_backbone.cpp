// SPDX-License-Identifier: Apache-2.0
// mistake: BackboneFinetuning for a module whose backbone has another name
// lightning: MisconfigurationException when fit begins
// expect: lit: BackboneFinetuning freezes module.backbone, which this module does not have
#include <lit/callbacks/backbone_finetuning.hpp>
#include <lit/callbacks/early_stopping.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct Batch {
    at::Tensor image, label;
};

struct Finetuned : lit::Module<Finetuned> {
#ifdef LIT_GOOD
    torch::nn::Sequential backbone{torch::nn::Linear(64, 32), torch::nn::BatchNorm1d(32), torch::nn::Linear(32, 16)};
#else
    torch::nn::Sequential features{torch::nn::Linear(64, 32), torch::nn::BatchNorm1d(32), torch::nn::Linear(32, 16)};
#endif
    torch::nn::Linear head{16, 5};

    Finetuned() {
#ifdef LIT_GOOD
        register_module("backbone", backbone);
#else
        register_module("features", features);
#endif
        register_module("head", head);
    }
    at::Tensor forward(const at::Tensor& image) {
#ifdef LIT_GOOD
        return head(backbone->forward(image).relu());
#else
        return head(features->forward(image).relu());
#endif
    }
    at::Tensor training_step(const Batch& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(forward(batch.image), batch.label);
        log<"train_loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{head->parameters(), {.lr = 1e-2, .momentum = 0.9}}; }
};

int main() {
    std::vector<Batch> batches(10, Batch{at::ones({8, 64}), at::zeros({8}, at::kLong)});
    Finetuned model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 10},
                         lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 3}},
                         lit::EarlyStopping<"train_loss">{}};
    trainer.fit(model, batches);
}
