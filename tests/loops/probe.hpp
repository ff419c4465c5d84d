// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/stage.hpp>
#include <lit/data/data_module.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/trainer/trainer.hpp>

#include "support/any_device.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The smallest module, data and components with which a loop can be watched.
namespace probe {

/// Batches of `samples` numbers: batch i holds i + 1.
inline std::vector<at::Tensor> batches(std::int64_t count, std::int64_t samples = 2) {
    std::vector<at::Tensor> all;
    for (std::int64_t i = 0; i < count; ++i) {
        all.push_back(at::full({samples}, static_cast<double>(i + 1)));
    }
    return all;
}

/// One weight, 1 at first; the loss is weight * mean(batch), so that its gradient is the mean of the batch.
template <class Self, class HParams = lit::NoHParams>
struct LineBase : lit::Module<Self, HParams> {
    at::Tensor weight;

    explicit LineBase(HParams h = {}) : lit::Module<Self, HParams>(std::move(h)) {
        weight = this->register_parameter("weight", at::ones({1}));
    }
    [[nodiscard]] at::Tensor loss(const at::Tensor& batch) const { return (weight * batch).mean(); }
    [[nodiscard]] float value() const { return weight.detach().item<float>(); }
};

/// Trains with SGD of learning rate 1, and validates.
struct Line : LineBase<Line> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor& /*batch*/) {}
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

/// What was observed, in its order, by whoever holds a pointer to it.
using Tape = std::vector<std::string>;

inline std::string joined(const Tape& tape) {
    std::string all;
    for (const std::string& line : tape) {
        all += (all.empty() ? "" : " ") + line;
    }
    return all;
}

/// The rows that reach a logger: the step and the values, in alphabetical order.
struct Rows {
    using Row = std::pair<std::int64_t, std::map<std::string, double>>;
    std::vector<Row>* rows = nullptr;
    Tape* tape = nullptr;

    void start(const std::filesystem::path& /*root*/) { say("start"); }
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        Row row{step, {}};
        for (const auto& [name, value] : metrics) {
            row.second[std::string(name)] = value;
        }
        if (rows != nullptr) {
            rows->push_back(std::move(row));
        }
    }
    void log_hyperparams(const lit::Dict& /*params*/) { say("hyperparams"); }
    void save() {}
    void finalize(std::string_view status) { say("finalize(" + std::string(status) + ")"); }
    [[nodiscard]] std::string name() const { return "rows"; }
    [[nodiscard]] std::string version() const { return "0"; }
    [[nodiscard]] std::filesystem::path save_dir() const { return {}; }
    [[nodiscard]] std::filesystem::path log_dir() const { return {}; }

    void say(const std::string& text) const {
        if (tape != nullptr) {
            tape->push_back("L." + text);
        }
    }
};
static_assert(lit::LoggerPolicy<Rows>);

template <class... Components>
auto trainer(lit::TrainerOptions options, Components... components) {
    return lit::Trainer{lit::testing::any_device(), lit::Fp32{},
                        std::move(options), std::move(components)...};
}

}  // namespace probe
