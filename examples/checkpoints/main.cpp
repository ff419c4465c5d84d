// SPDX-License-Identifier: Apache-2.0
//
// Trains in two goes, as if a machine had been taken away between them, and hands the weights on as safetensors. Start it again,
// and it goes on from where it was.
#include <lit/checkpoint/load_weights.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/lit.hpp>

#include <cstdio>
#include <stdexcept>

namespace F = torch::nn::functional;

struct CutOff : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Line : lit::Module<Line> {
    using Logs = lit::Logs<"val_loss">;
    bool is_cut_off = false;
    torch::nn::Linear layer = register_module("layer", torch::nn::Linear(8, 1));

    torch::Tensor training_step(const lit::Example& batch) { return F::mse_loss(layer(batch.data), batch.target); }
    void validation_step(const lit::Example& batch) { log<"val_loss">(F::mse_loss(layer(batch.data), batch.target)); }
    void on_train_epoch_start() {
        if (is_cut_off && current_epoch() == 2) {
            throw CutOff("the machine is taken away");
        }
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.01}}; }
};

template <class Train, class Val>
void fit(Line& model, Train& train, Val& val) {
// [readme]
    auto trainer = lit::default_trainer({.max_epochs = 4},
                                        lit::ModelCheckpoint<"val_loss">{{.save_last = true, .save_top_k = 3}},
                                        lit::AsyncCheckpoint{});  // written while training goes on
    trainer.fit(model, train, val, {.ckpt_path = "last"});        // where the process before was cut off
// [readme]
    std::printf("step %lld\n", static_cast<long long>(trainer.global_step()));
}

int main() {
    lit::seed_everything(1);
    const auto x = torch::randn({256, 8});
    const lit::TensorDataset set{x, x.sum(1, true)};
    lit::DataLoader train{set, {.batch_size = 32, .shuffle = true}};
    lit::DataLoader val{set, {.batch_size = 128}};
    try {
        Line model;
        model.is_cut_off = true;
        fit(model, train, val);
    } catch (const CutOff& cut) {
        std::printf("%s\n", cut.what());
    }
    Line model;
    fit(model, train, val);

    lit::save_safetensors("line.safetensors", lit::module_state_dict(model));
    Line other;
    lit::load_weights(other, "line.safetensors");
    return torch::equal(other.layer->weight, model.layer->weight) ? 0 : 1;
}
