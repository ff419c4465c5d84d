// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/value.hpp>
#include <lit/data/batch_generator.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/metrics/accuracy.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/precision/fp32.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sin.h>
#include <torch/nn/functional/dropout.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

/// A run in which everything that can be lost by breaking it off plays a part.
namespace learner {

namespace F = torch::nn::functional;

/// Dropout and validation draw, metric objects and means gather over the epoch, a batch norm has buffers.
struct Learner : lit::Module<Learner> {
    torch::nn::Linear first{nullptr}, second{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    lit::Accuracy accuracy{{.num_classes = 3}};

    Learner() {
        first = register_module("first", torch::nn::Linear(4, 8));
        norm = register_module("norm", torch::nn::BatchNorm1d(8));
        second = register_module("second", torch::nn::Linear(8, 3));
    }
    at::Tensor forward(const at::Tensor& x) {
        return second(F::dropout(torch::relu(norm(first(x))), F::DropoutFuncOptions().p(0.3).training(is_training())));
    }
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor out = forward(batch.data);
        accuracy.update(out, batch.target);
        log<"acc">(accuracy, {.on_step = false, .on_epoch = true});
        log<"train_acc">(accuracy, {.on_step = false, .on_epoch = true});
        const at::Tensor loss = F::cross_entropy(out, batch.target);
        log<"loss">(loss, {.on_step = true, .on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        log<"val">(F::cross_entropy(forward(batch.data), batch.target) + 0.1 * at::rand({}),
                   {.on_step = true, .on_epoch = true, .sync_dist = true});
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::AdamW{parameters(), {.lr = 0.05}},
            .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{.patience = 0}}, .monitor = "val"}};
    }
};

inline constexpr std::int64_t samples = 26;  // 13 batches: the last window of an epoch is a short one
inline constexpr std::int64_t batches = 13;

inline auto noisy(lit::Example batch) {
    batch.data = batch.data + 0.1 * at::rand(batch.data.sizes(), lit::batch_generator(), batch.data.options());
    return batch;
}
inline at::Tensor inputs(std::int64_t count) { return at::sin(at::arange(count * 4, at::kFloat)).reshape({count, 4}); }
/// Shuffled without a seed, augmented at random.
inline auto train_loader(std::int64_t workers = 0, std::int64_t count = samples) {
    return lit::DataLoader{lit::mapped(lit::TensorDataset{inputs(count), at::arange(count) % 3}, noisy),
                           {.batch_size = 2, .shuffle = true, .num_workers = workers}};
}
inline auto val_loader() { return lit::DataLoader{lit::TensorDataset{inputs(6), at::arange(6) % 3}, {.batch_size = 2}}; }

/// Scales the loss by a power of two that grows, as a gradient scaler's does: its state is no part of the weights.
struct GrowingScale {
    double factor = 1.0;
    std::int64_t steps = 0;

    [[nodiscard]] at::Tensor scale(const at::Tensor& loss) const { return loss * factor; }
    bool step(auto& optimizer) {
        for (std::size_t group = 0; group < lit::group_count(optimizer); ++group) {
            for (const at::Tensor& parameter : lit::parameters_of(optimizer, group)) {
                if (parameter.grad().defined()) {
                    parameter.mutable_grad().div_(factor);
                }
            }
        }
        optimizer.step();
        factor = ++steps % 4 == 0 ? factor * 2.0 : factor;
        return true;
    }
    [[nodiscard]] static lit::Fp32::Scope forward_scope(at::DeviceType device) { return lit::Fp32::forward_scope(device); }
    [[nodiscard]] lit::Dict state_dict() const { return {{"factor", factor}, {"steps", steps}}; }
    void load_state_dict(const lit::Dict& state) {
        factor = state.at("factor").to_double();
        steps = state.at("steps").to_int();
    }
};
static_assert(lit::PrecisionPolicy<GrowingScale> && lit::StatefulPrecision<GrowingScale>);

/// Where a run is cut off: the n-th time that the hook is called. It saves, and the process ends as if it were killed:
/// nothing is unwound, nothing written out.
struct Cut {
    using Role = lit::role::checkpoint;  // behind all others, where checkpoints are written
    std::filesystem::path path;
    std::string where;
    std::int64_t occasion = -1;
    std::int64_t seen = 0;

    void on_train_batch_end(auto& trainer, auto&) { at(trainer, "on_train_batch_end"); }
    void on_validation_batch_end(auto& trainer, auto&) { at(trainer, "on_validation_batch_end"); }
    void on_validation_end(auto& trainer, auto&) { at(trainer, "on_validation_end"); }
    void on_train_epoch_end(auto& trainer, auto&) { at(trainer, "on_train_epoch_end"); }

 private:
    void at(auto& trainer, const char* here) {
        if (here == where && !trainer.sanity_checking() && seen++ == occasion) {
            trainer.save_checkpoint(path);
            trainer.wait_for_checkpoints();
            ::_exit(9);
        }
    }
};

struct SavesAtEnd {
    std::filesystem::path path;
    void on_train_end(auto& trainer, auto&) const {
        if (!path.empty()) {
            trainer.save_checkpoint(path);
        }
    }
};

}  // namespace learner
