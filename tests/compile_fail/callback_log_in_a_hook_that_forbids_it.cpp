// SPDX-License-Identifier: Apache-2.0
// variant of: log_in_a_hook_that_forbids_it
// expect: lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <vector>

struct HParams {
    std::int64_t hidden = 16;
    double lr = 1e-3;
};

struct Batch {
    at::Tensor x, y;
};

struct Net : lit::Module<Net, HParams> {
    torch::nn::Linear in{nullptr}, out{nullptr};

    explicit Net(HParams h = {}) : Module(h) {
        in = register_module("in", torch::nn::Linear(4, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 2));
    }
    at::Tensor forward(const at::Tensor& x) { return out(in(x).relu()); }
    at::Tensor training_step(const Batch& batch) {
        const at::Tensor loss = torch::nn::functional::cross_entropy(forward(batch.x), batch.y);
        log<"train_loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = hparams.lr}}; }
};

struct CountParameters {
    void count(auto& module) {
        std::int64_t numbers = 0;
        for (const at::Tensor& parameter : module.parameters()) {
            numbers += parameter.numel();
        }
        numbers_ = numbers;
    }
#ifdef LIT_GOOD
    void on_train_epoch_start(auto& /*trainer*/, auto& module) {
#else
    void on_fit_start(auto& /*trainer*/, auto& module) {
#endif
        count(module);
        module.template log<"parameters">(static_cast<double>(numbers_));
    }

    std::int64_t numbers_ = 0;
};

int main() {
    std::vector<Batch> batches(8, Batch{at::ones({4, 4}), at::zeros({4}, at::kLong)});
    Net net({.hidden = 32});
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 3}, CountParameters{},
                         lit::EarlyStopping<"train_loss">{}};
    trainer.fit(net, batches);
}
