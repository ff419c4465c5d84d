// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "components.hpp"
#include "data.hpp"
#include "logged_files.hpp"
#include "module.hpp"
#include "recording.hpp"

#include <lit/core/error.hpp>
#include <lit/core/interrupt.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/module/module.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace conformance {

/// Where the data of a run come from: each says how a trainer's calls are written with it.
struct GivenData {
    const Recording& r;
    explicit GivenData(Recording& recording, auto& /*net*/) : r(recording) {}
    void serve(auto& /*net*/) {}
    auto fit(auto& trainer, auto& net, const lit::RunOptions& options = {}) {
        draw_as_an_unused_iterator(data(), trainer.current_epoch());
        auto train = loader(data(), "train");
        auto val = val_loaders(data());
        return trainer.fit(net, train, val, options);
    }
    auto validate(auto& trainer, auto& net) {
        auto val = val_loaders(data());
        return trainer.validate(net, val, {.verbose = false});
    }
    auto test(auto& trainer, auto& net) {
        auto test = loader(data(), "test");
        return trainer.test(net, test, {.verbose = false});
    }
    auto predict(auto& trainer, auto& net) {
        auto predict = loader(data(), "predict");
        return trainer.predict(net, predict);
    }
    [[nodiscard]] const Json& data() const { return r.scenario["data"]; }
};
struct OwnData {
    explicit OwnData(Recording& /*recording*/, auto& /*net*/) {}
    void serve(auto& /*net*/) {}
    auto fit(auto& trainer, auto& net, const lit::RunOptions& options = {}) { return trainer.fit(net, options); }
    auto validate(auto& trainer, auto& net) { return trainer.validate(net, net, {.verbose = false}); }
    auto test(auto& trainer, auto& net) { return trainer.test(net, net, {.verbose = false}); }
    auto predict(auto& trainer, auto& net) { return trainer.predict(net, net); }
};
template <class DataModule>
struct ModuleData {
    DataModule data;
    explicit ModuleData(Recording& recording, auto& net) : data(recording, net) {}
    void serve(auto& net) { data.serve(net); }
    auto fit(auto& trainer, auto& net, const lit::RunOptions& options = {}) { return trainer.fit(net, data, options); }
    auto validate(auto& trainer, auto& net) { return trainer.validate(net, data, {.verbose = false}); }
    auto test(auto& trainer, auto& net) { return trainer.test(net, data, {.verbose = false}); }
    auto predict(auto& trainer, auto& net) { return trainer.predict(net, data); }
};

[[nodiscard]] inline Json table(const lit::MetricTable& metrics) {
    Json all = Json::object();
    for (const auto& item : metrics.items()) {
        all[lit::MetricNames::name(item.id)] = item.number.value();
    }
    return all;
}

/// Every file below a folder, as oracle.py's `tree`.
[[nodiscard]] inline std::vector<std::string> tree(const fs::path& root) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_directory() && !entry.is_symlink()) {
            continue;
        }
        fs::path name = fs::relative(entry.path().parent_path(), root) / entry.path().filename();
        if (name.filename().string().starts_with("events.out.tfevents.")) {
            name.replace_filename("events.out.tfevents");
        }
        name = name.lexically_normal();
        found.push_back(name.string() + (entry.is_symlink() ? " -> " + fs::read_symlink(entry.path()).string() : ""));
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

/// What a checkpoint callback holds at the end.
template <class Callback>
[[nodiscard]] Json checkpoint_state(const Callback& callback, const fs::path& root) {
    const auto relative = [&](const fs::path& path) { return path.empty() ? "" : path.lexically_relative(root).string(); };
    Json state{{"best_model_path", relative(callback.best_model_path())},
               {"best_model_score", nullptr},
               {"last_model_path", relative(callback.last_model_path())},
               {"best_k_models", Json::object()}};
    if (callback.best_model_score()) {
        state["best_model_score"] = *callback.best_model_score();
    }
    for (const auto& entry : callback.best_k_models()) {
        state["best_k_models"][fs::path(entry.path).filename().string()] = entry.score;
    }
    return state;
}

/// The trainer of whatever a scenario chooses.
template <bool Automatic>
struct Chosen {
    using type = Trainer<Automatic>;
    static std::unique_ptr<type> build(Recording& r, const Json& extra) {
        return conformance::build<Automatic>(r, r.root, extra);
    }
    /// What the checkpoint callbacks hold at the end.
    static void describe(type& trainer, const Recording& r, Json& trace) {
        const Json callbacks = r.scenario.value("callbacks", Json::object());
        if (callbacks.contains("checkpoint") && !callbacks["checkpoint"].is_null()) {
            const auto& c = trainer.template get<Checkpoint>();
            trace["best_model_path"] = fs::path(c.best_model_path()).filename().string();
            trace["best_model_score"] = nullptr;
            if (c.best_model_score()) {
                trace["best_model_score"] = *c.best_model_score();
            }
            trace["last_model_path"] = fs::path(c.last_model_path()).filename().string();
        }
        if (callbacks.contains("checkpoints")) {
            const std::size_t count = callbacks["checkpoints"].size();
            trace["checkpoints"] = Json::array();
            const auto add = [&]<int N>(std::integral_constant<int, N>) {
                if (count > N) {
                    trace["checkpoints"].push_back(checkpoint_state(trainer.template get<Further<N>>(), r.root));
                }
            };
            add(std::integral_constant<int, 0>{});
            add(std::integral_constant<int, 1>{});
            add(std::integral_constant<int, 2>{});
        }
    }
    static void describe_files(const Recording& r, Json& trace) {
        if (r.scenario.value("callbacks", Json::object()).contains("checkpoints")) {
            trace["tree"] = tree(r.root);
        }
        for (const Json& kind : r.scenario.value("loggers", Json::array())) {
            const fs::path folder = r.root / kind.get<std::string>() / "version_0";
            trace[kind.get<std::string>()] = kind == "csv" ? read_csv(folder / "metrics.csv") : read_events(folder);
        }
    }
};

/// Does what the scenario says, and writes down what was observed.
template <class Net, class Source, class Assembly = Chosen<lit::automatic_optimization<Net>>>
[[nodiscard]] Json record(const Json& scenario, const fs::path& root) {
    Recording r{.scenario = scenario, .root = root};
    const Json& data = r.scenario["data"];
    Json trace{{"scenario", scenario["name"]}, {"status", nullptr}, {"error", nullptr}};
    std::unique_ptr<typename Assembly::type> trainer;
    auto net = std::make_unique<Net>(r);
    Source source(r, *net);
    if (data.contains("shuffle") && !data["shuffle"].is_null()) {
        torch::manual_seed(data["shuffle"].get<std::uint64_t>());
    }
    try {
        trainer = Assembly::build(r, Json::object());
        bool interrupted = false;
        const auto list = [&](const char* field) -> Json& {
            return trace.contains(field) ? trace[field] : trace[field] = Json::array();
        };
        for (const Json& action : scenario["run"]) {
            const std::string what = action.is_string() ? action : action["do"];
            r.hooks.push_back({"run", what, trainer->current_epoch(), trainer->global_step()});
            Json& results = what == "validate" || what == "test" ? list("results") : trace["error"];
            if (what == "fit") {
                if (action.is_object()) {
                    trainer->options().max_epochs = action["trainer"]["max_epochs"].get<std::int64_t>();
                }
                interrupted = !source.fit(*trainer, *net).finished();
            } else if (what == "validate") {
                results.push_back(source.validate(*trainer, *net));
            } else if (what == "test") {
                results.push_back(source.test(*trainer, *net));
            } else if (what == "predict") {
                Json sums = Json::array();
                for (const auto& of_loader : source.predict(*trainer, *net)) {
                    for (const torch::Tensor& prediction : of_loader) {
                        sums.push_back(prediction.sum().template item<double>());
                    }
                }
                list("predictions").push_back(sums);
            } else if (what == "resume") {
                trainer = Assembly::build(r, action.value("trainer", Json::object()));
                net = std::make_unique<Net>(r);
                source.serve(*net);
                const fs::path path = root / "ckpt" / action["from"].get<std::string>();
                interrupted = !source.fit(*trainer, *net, {.ckpt_path = path.string()}).finished();
            } else if (what == "again") {
                trainer = Assembly::build(r, Json::object());
                net = std::make_unique<Net>(r);
                source.serve(*net);
                interrupted = !source.fit(*trainer, *net).finished();
            } else {
                throw std::invalid_argument("scenario: action " + what + " is not known to this runner");
            }
            if (interrupted) {
                break;
            }
        }
        trace["status"] = interrupted ? "interrupted" : "finished";
        if (!interrupted) {
            Json weights = Json::array();
            std::vector<torch::Tensor> tensors = net->parameters();
            if (!net->norm.is_empty()) {
                tensors.insert(tensors.end(), {net->norm->running_mean, net->norm->running_var});
            }
            for (const auto& parameter : tensors) {
                const auto flat = parameter.detach().flatten().contiguous();
                for (std::int64_t i = 0; i < flat.numel(); ++i) {
                    weights.push_back(static_cast<double>(flat.template data_ptr<float>()[i]));
                }
            }
            trace["weights"] = weights;
            const Json callbacks = scenario.value("callbacks", Json::object());
            Assembly::describe(*trainer, r, trace);
            if (callbacks.contains("early_stopping") && !callbacks["early_stopping"].is_null()) {
                const auto& e = trainer->template get<EarlyStopping>();
                trace["stopped_epoch"] = e.stopped_epoch();
                trace["wait_count"] = e.wait_count();
            }
        }
    } catch (const lit::Interrupt&) {
        trace["status"] = "interrupted";
    } catch (const Fault& fault) {
        trace["status"] = "raised";
        trace["error"] = fault.what();
    } catch (const lit::Error& error) {
        trace["status"] = "error";
        trace["error"] = error.what();
    } catch (const std::exception& error) {
        trace["status"] = "crashed";
        trace["error"] = error.what();
    }
    if (trainer) {
        trace["end"] = {{"epoch", trainer->current_epoch()},
                        {"global_step", trainer->global_step()},
                        {"should_stop", trainer->should_stop()}};
        trace["callback_metrics"] = table(trainer->callback_metrics());
        trace["logged_metrics"] = table(trainer->logged_metrics());
        trace["progress_bar_metrics"] = table(trainer->progress_bar_metrics());
    }
    std::vector<std::string> files;
    if (fs::is_directory(root / "ckpt")) {
        for (const auto& entry : fs::directory_iterator(root / "ckpt")) {
            files.push_back(entry.path().filename().string());
        }
    }
    std::ranges::sort(files);
    trace["files"] = files;
    Assembly::describe_files(r, trace);
    if (scenario.value("observe_modes", false)) {
        trace["modes"] = std::move(r.modes);
    }
    if (scenario.value("observe_order", false)) {
        trace["order"] = std::move(r.order);
    }
    trace["hooks"] = std::move(r.hooks);
    trace["train_loss"] = std::move(r.train_loss);
    trace["lr"] = std::move(r.lr);
    trace["logger"] = std::move(r.rows);
    return trace;
}


}  // namespace conformance
