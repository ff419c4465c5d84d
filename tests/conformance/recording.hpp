// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/interrupt.hpp>

#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include <nlohmann/json.hpp>

#include <ATen/core/grad_mode.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

namespace conformance {

using Json = nlohmann::json;

/// The exception that a scenario asks to be thrown.
struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Answer { nothing, skip, none };

/// Where a run is, as whoever has a hook sees it.
struct Place {
    std::int64_t epoch = 0;
    std::int64_t step = 0;
    bool sanity_checking = false;
};

/// What one run of a scenario writes down, and the faults it is asked to commit.
struct Recording {
    Json scenario;
    Json hooks = Json::array();
    Json train_loss = Json::array();
    Json lr = Json::array();
    Json rows = Json::array();
    Json modes = Json::array();
    Json order = Json::array();
    std::filesystem::path root{};  ///< of the run
    const torch::nn::Module* net = nullptr;    ///< the module of the run, and its only child
    const torch::nn::Module* child = nullptr;
    bool terminated = false;

    [[nodiscard]] const Json& module() const { return scenario["module"]; }

    void event(const char* who, const std::string& hook, const Place& place) {
        hooks.push_back({who, hook, place.epoch, place.step});
        observe_modes(who, hook);
    }
    template <class Detail>
    void event(const char* who, const std::string& hook, const Place& place, const Detail& detail) {
        hooks.push_back({who, hook, place.epoch, place.step, detail});
        observe_modes(who, hook);
    }
    void event(const char* who, const std::string& hook, const Place& place, const std::optional<std::int64_t>& batch) {
        batch ? event(who, hook, place, *batch) : event(who, hook, place);
    }

    /// What the callbacks before have done: asked for an end, logged, written files.
    void note_order(const char* who, const std::string& hook, bool should_stop) {
        if (!scenario.value("observe_order", false)) {
            return;
        }
        std::int64_t files = 0;
        if (scenario.contains("defaults")) {
            for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
                files += entry.path().extension() == ".ckpt" ? 1 : 0;
            }
        } else if (const auto folder = root / "ckpt"; std::filesystem::is_directory(folder)) {
            files = std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
        }
        order.push_back({who, hook, should_stop, rows.size(), files});
    }

    template <class Stop>
    Answer faults(const std::string& who, const std::string& hook, std::optional<std::int64_t> batch, const Place& place,
                  Stop&& stop) {
        if (!module().contains("faults")) {
            return Answer::nothing;
        }
        for (const Json& fault : module()["faults"]) {
            if (fault["who"] != who || fault["hook"] != hook ||
                (fault.contains("epoch") && fault["epoch"] != place.epoch) ||
                (fault.contains("batch") && (!batch || fault["batch"] != *batch)) ||
                (place.sanity_checking && !fault.value("sanity", false))) {
                continue;
            }
            const std::string action = fault["action"];
            if (action == "sigterm" && !terminated) {
                terminated = true;
                std::raise(SIGTERM);
            }
            if (action == "raise") {
                throw Fault(who + "." + hook);
            }
            if (action == "interrupt") {
                throw lit::KeyboardInterrupt();
            }
            if (action == "stop") {
                stop();
            }
            if (action == "skip" || action == "none") {
                return action == "skip" ? Answer::skip : Answer::none;
            }
        }
        return Answer::nothing;
    }

    /// Calls `log(spec)` for everything that the scenario has `who` log in this hook.
    template <class Log>
    void for_each_logged(const std::string& who, const std::string& hook, std::int64_t loader, Log&& log) const {
        if (!module().contains("log")) {
            return;
        }
        for (const Json& spec : module()["log"]) {
            if (spec["hook"] == hook && spec.value("who", "module") == who && spec.value("loader", loader) == loader) {
                log(spec);
            }
        }
    }

 private:
    void observe_modes(const char* who, const std::string& hook) {
        if (scenario.value("observe_modes", false)) {
            modes.push_back({who, hook, net->is_training(), child->is_training(), at::GradMode::is_enabled(),
                             c10::InferenceMode::is_enabled()});
        }
    }
};

}  // namespace conformance
