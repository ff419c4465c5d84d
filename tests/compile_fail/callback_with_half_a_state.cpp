// SPDX-License-Identifier: Apache-2.0
// mistake: A callback with state_dict() and without what else a checkpoint needs
// lightning: Its state is saved, and load_state_dict, which the base class has, does nothing
// expect: lit: a component of this Trainer has a part of a state, which no checkpoint would hold
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <string>
#include <vector>

struct Batch {
    at::Tensor x, y;
};

struct Regression : lit::Module<Regression> {
    torch::nn::Linear line = register_module("line", torch::nn::Linear(3, 1));

    at::Tensor training_step(const Batch& batch) {
        const at::Tensor loss = torch::nn::functional::mse_loss(line(batch.x), batch.y);
        log<"loss">(loss);
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-2}}; }
};

struct SamplesSeen {
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/, const auto& /*output*/, const Batch& batch) {
        seen += batch.x.size(0);
    }
    lit::Dict state_dict() const { return lit::Dict{{"seen", seen}}; }
#ifdef LIT_GOOD
    void load_state_dict(const lit::Dict& state) { seen = state.at("seen").to_int(); }
    std::string state_key() const { return "SamplesSeen"; }
#endif

    std::int64_t seen = 0;
};

int main() {
    std::vector<Batch> batches(20, Batch{at::ones({16, 3}), at::ones({16, 1})});
    Regression model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 4}, SamplesSeen{},
                         lit::ModelCheckpoint<>{{.save_last = true}}};
    trainer.fit(model, batches);
}
