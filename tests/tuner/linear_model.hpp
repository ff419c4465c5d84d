// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "support/any_device.hpp"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <vector>

/// A line through 64 points: the same numbers as in the Python that the pinned values come from.
namespace tuner_test {

inline lit::TensorDataset points() {
    const torch::Tensor x =
        (torch::arange(256).reshape({64, 4}) * 37).remainder(101).to(torch::kFloat) / 50 - 1;
    const torch::Tensor y = x.matmul(torch::tensor({{1.0F}, {-2.0F}, {0.5F}, {3.0F}})) + 0.25;
    return {x, y};
}
inline auto loader(std::int64_t batch_size = 8) {
    return lit::DataLoader{points(), {.batch_size = batch_size}};
}

struct LineHParams {
    double lr = 0.1;
};

/// `w = torch.nn.Linear(4, 1)`, SGD(momentum=0.9) in Python's arithmetic, StepLR(1, 0.5).
template <class Self, class HParams = LineHParams>
struct LineModule : lit::Module<Self, HParams> {
    torch::nn::Linear w{nullptr};

    explicit LineModule(HParams given = {}) : lit::Module<Self, HParams>(given) {
        w = this->register_module("w", torch::nn::Linear(4, 1));
        const at::NoGradGuard no_grad;
        w->weight.copy_(torch::tensor({{0.1F, -0.1F, 0.2F, -0.2F}}));
        w->bias.zero_();
    }
    torch::Tensor training_step(const lit::Example& batch) {
        return torch::mse_loss(w(batch.data), batch.target);
    }
    lit::SGD sgd(double lr) {
        return lit::SGD{this->parameters(), {.lr = lr, .momentum = 0.9, .fused = false}};
    }
};
struct Line : LineModule<Line> {
    using LineModule::LineModule;
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = sgd(hparams.lr),
                                    .lr_scheduler = lit::StepLR{{.step_size = 1, .gamma = 0.5}}};
    }
};

template <class... Components>
auto trainer(const lit::TrainerOptions& options, Components... components) {
    return lit::Trainer<lit::SingleDevice, lit::Fp32, Components...>{
        lit::testing::any_device(), lit::Fp32{}, options,
        std::move(components)...};
}

inline std::vector<at::Tensor> copy_of(torch::nn::Module& module) {
    std::vector<at::Tensor> all;
    for (const at::Tensor& parameter : module.parameters()) {
        all.push_back(parameter.detach().clone());
    }
    return all;
}
inline bool same(const std::vector<at::Tensor>& before, torch::nn::Module& module) {
    const auto now = module.parameters();
    bool equal = before.size() == now.size();
    for (std::size_t i = 0; equal && i < now.size(); ++i) {
        equal = at::equal(before[i], now[i]);
    }
    return equal;
}

}  // namespace tuner_test
