// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "support/any_device.hpp"

#include <ATen/ops/ones.h>
#include <torch/nn/modules/linear.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// A module that logs what it is told to, and the small things around it.
namespace scripted {

struct Lines {
    std::vector<double> per_epoch{};  ///< what validation logs as "value" in each epoch; the last one goes on
    std::vector<double> per_step{};   ///< what training logs as "train_value" in each step
};

struct Script : lit::Module<Script, Lines> {
    using Logs = lit::Logs<"value", "train_value", "val_los">;

    torch::nn::Linear layer{nullptr};

    explicit Script(Lines lines = {}) : Module(std::move(lines)) {
        layer = register_module("layer", torch::nn::Linear(2, 1));
    }
    at::Tensor training_step(const lit::Example& batch) {
        if (!hparams.per_step.empty()) {
            log<"train_value">(at(hparams.per_step, global_step()), {.prog_bar = true});
        }
        return layer(batch.data).mean();
    }
    void validation_step(const lit::Example& /*batch*/) {
        if (!hparams.per_epoch.empty()) {
            log<"value">(at(hparams.per_epoch, current_epoch()), {.prog_bar = true});
        }
    }
    void test_step(const lit::Example& /*batch*/) { log<"value">(1.0); }
    at::Tensor predict_step(const lit::Example& batch) { return layer(batch.data); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }

 private:
    static double at(const std::vector<double>& values, std::int64_t index) {
        return values[std::min(static_cast<std::size_t>(index), values.size() - 1)];
    }
};

inline std::vector<lit::Example> batches(int count) {
    return std::vector<lit::Example>(static_cast<std::size_t>(count),
                                     lit::Example(at::ones({4, 2}), at::ones({4, 1})));
}

template <class... Components>
auto trainer(lit::TrainerOptions options, Components... components) {
    return lit::Trainer{lit::testing::any_device(), lit::Fp32{}, std::move(options), std::move(components)...};
}

/// Where the numbers are the CPU's.
template <class... Components>
auto trainer_on_the_cpu(lit::TrainerOptions options, Components... components) {
    return lit::Trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{}, std::move(options),
                        std::move(components)...};
}

/// A folder of its own, removed with everything in it.
class Folder {
 public:
    Folder() {
        static std::atomic<int> count = 0;
        path_ = std::filesystem::temp_directory_path() /
                ("lit-callbacks-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// The names of what lies in it, in order.
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            names.push_back(entry.path().filename().string());
        }
        std::ranges::sort(names);
        return names;
    }

 private:
    std::filesystem::path path_;
};

}  // namespace scripted
