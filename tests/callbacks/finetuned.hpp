// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "callbacks/scripted.hpp"

#include <lit/core/batch.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/sgd.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

/// A small model of a backbone and a head, its weights by a formula; the same was written in Python.
namespace finetuned {

template <class Schedule = lit::NoScheduler>
struct Net : lit::Module<Net<Schedule>> {
    torch::nn::Sequential backbone{nullptr};
    torch::nn::Linear head{nullptr};
    Schedule schedule;

    explicit Net(Schedule given = {}) : schedule(std::move(given)) {
        backbone = this->register_module(
            "backbone", torch::nn::Sequential(torch::nn::Linear(2, 3), torch::nn::BatchNorm1d(3),
                                              torch::nn::Linear(3, 2)));
        head = this->register_module("head", torch::nn::Linear(2, 1));
        const at::NoGradGuard no_grad;
        int k = 0;
        for (at::Tensor& parameter : this->parameters()) {
            const at::Tensor flat = parameter.view(-1);
            for (std::int64_t i = 0; i < flat.numel(); ++i, ++k) {
                flat[i] = static_cast<double>((k * 7 + 3) % 11 - 5) / 8;
            }
        }
    }
    at::Tensor training_step(const lit::Example& batch) {
        return head(backbone->forward(batch.data)).square().mean();
    }
    auto configure_optimizers() {
        std::vector<at::Tensor> trainable;
        for (const at::Tensor& parameter : this->parameters()) {
            if (parameter.requires_grad()) {
                trainable.push_back(parameter);
            }
        }
        return lit::OptimizerConfig{
            .optimizer = lit::SGD{trainable, {.lr = 0.1, .momentum = 0.5, .fused = false}},
            .lr_scheduler = schedule};
    }
    [[nodiscard]] std::vector<double> sums() const {
        std::vector<double> all;
        for (const at::Tensor& parameter : this->parameters()) {
            all.push_back(parameter.sum(at::kDouble).template item<double>());
        }
        return all;
    }
    [[nodiscard]] torch::nn::BatchNorm1dImpl& norm() {
        return *std::dynamic_pointer_cast<torch::nn::BatchNorm1dImpl>(backbone->ptr(1));
    }
};

inline std::vector<lit::Example> data() {
    std::vector<lit::Example> batches;
    for (int b = 0; b < 2; ++b) {
        const at::Tensor x = at::empty({4, 2});
        for (int i = 0; i < 4; ++i) {
            for (int j = 0; j < 2; ++j) {
                x[i][j] = static_cast<double>((i * 5 + j * 3 + b) % 7 - 3) / 4;
            }
        }
        batches.emplace_back(x, x);
    }
    return batches;
}

/// The rates of all groups at the begin of each epoch.
struct Rates {
    std::vector<std::vector<double>> rows{};

    void on_train_epoch_start(auto& trainer, auto& /*module*/) {
        trainer.for_each_optimizer([this](auto, auto& optimizer) {
            std::vector<double> row;
            for (std::size_t group = 0; group < lit::group_count(optimizer); ++group) {
                row.push_back(lit::learning_rate(optimizer, group));
            }
            rows.push_back(std::move(row));
        });
    }
};

}  // namespace finetuned
