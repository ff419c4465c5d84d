// SPDX-License-Identifier: Apache-2.0
// mistake: StochasticWeightAveraging twice, for two phases
// lightning: Accepted; both replace the schedule and add an epoch
// expect: lit: two components put a schedule in the place of the module's, and only one can
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct Batch {
    at::Tensor x, y;
};

struct Classifier : lit::Module<Classifier> {
    torch::nn::Linear out = register_module("out", torch::nn::Linear(8, 3));

    at::Tensor training_step(const Batch& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(out(batch.x), batch.y);
        log<"train_loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1, .momentum = 0.9}}; }
};

int main() {
    std::vector<Batch> batches(20, Batch{at::ones({16, 8}), at::zeros({16}, at::kLong)});
    Classifier model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 20},
#ifndef LIT_GOOD
                         lit::StochasticWeightAveraging{{.swa_lrs = 5e-2, .swa_epoch_start = 10}},
#endif
                         lit::StochasticWeightAveraging{{.swa_lrs = 1e-2, .swa_epoch_start = 15}}};
    trainer.fit(model, batches);
}
