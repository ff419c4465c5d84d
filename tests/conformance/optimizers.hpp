// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/mode.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/optimizer_variant.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/scheduler_variant.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace conformance {

using Json = nlohmann::json;

using Optimizer = std::variant<lit::SGD, lit::Adam, lit::AdamW>;
using Scheduler = std::variant<lit::StepLR, lit::ExponentialLR, lit::CosineAnnealingLR, lit::ReduceLROnPlateau>;
using Config = lit::OptimizerConfig<Optimizer, std::optional<lit::LRSchedulerConfig<Scheduler>>>;

inline Optimizer make_optimizer(const Json& spec, std::vector<at::Tensor> parameters) {
    const std::string name = spec["name"];
    const double lr = spec["lr"];
    if (name == "sgd") {
        return lit::SGD{std::move(parameters),
                        {.lr = lr,
                         .momentum = spec.value("momentum", 0.0),
                         .weight_decay = spec.value("weight_decay", 0.0),
                         .nesterov = spec.value("nesterov", false)}};
    }
    if (name == "adam") {
        return lit::Adam{std::move(parameters), {.lr = lr, .weight_decay = spec.value("weight_decay", 0.0)}};
    }
    return lit::AdamW{std::move(parameters), {.lr = lr, .weight_decay = spec.value("weight_decay", 0.01)}};
}

inline std::optional<lit::LRSchedulerConfig<Scheduler>> make_scheduler(const Json& module) {
    if (!module.contains("scheduler") || module["scheduler"].is_null()) {
        return std::nullopt;
    }
    const Json& spec = module["scheduler"];
    const std::string kind = spec["kind"];
    const auto schedule = [&]() -> Scheduler {
        if (kind == "step") {
            return lit::StepLR{{.step_size = spec["step_size"], .gamma = spec["gamma"]}};
        }
        if (kind == "exponential") {
            return lit::ExponentialLR{{.gamma = spec["gamma"]}};
        }
        if (kind == "cosine") {
            return lit::CosineAnnealingLR{{.t_max = spec["t_max"]}};
        }
        return lit::ReduceLROnPlateau{
            {.mode = spec.value("mode", "min") == "min" ? lit::Mode::minimize : lit::Mode::maximize,
             .factor = spec["factor"],
             .patience = spec["patience"]}};
    };
    return lit::LRSchedulerConfig<Scheduler>{
        .scheduler = schedule(),
        .interval = spec.value("interval", "epoch") == "step" ? lit::Interval::step : lit::Interval::epoch,
        .frequency = spec.value("frequency", std::int64_t{1}),
        .monitor = spec.value("monitor", ""),
        .strict = spec.value("strict", true)};
}

}  // namespace conformance
