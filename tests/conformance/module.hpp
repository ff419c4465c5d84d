// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "optimizers.hpp"
#include "recording.hpp"

#include <lit/callbacks/callback.hpp>
#include <lit/core/batch.hpp>
#include <lit/core/number.hpp>
#include <lit/core/stage.hpp>
#include <lit/metrics/accuracy.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/clip.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

namespace F = torch::nn::functional;

constexpr std::int64_t features = 8;
constexpr std::int64_t classes = 4;

[[nodiscard]] inline lit::LogOptions log_options(const Json& spec) {
    lit::LogOptions options;
    options.prog_bar = spec.value("prog_bar", false);
    options.logger = spec.value("logger", true);
    if (spec.contains("on_step")) {
        options.on_step = spec["on_step"].get<bool>();
    }
    if (spec.contains("on_epoch")) {
        options.on_epoch = spec["on_epoch"].get<bool>();
    }
    const std::string reduce = spec.value("reduce_fx", "mean");
    options.reduce_fx = reduce == "max"   ? lit::Reduce::maximum
                        : reduce == "min" ? lit::Reduce::minimum
                        : reduce == "sum" ? lit::Reduce::sum
                                          : lit::Reduce::mean;
    options.add_dataloader_idx = spec.value("add_dataloader_idx", true);
    options.batch_size = spec.value("batch_size", std::int64_t{0});
    return options;
}

using Values = std::map<std::string, lit::Number>;

/// What can be logged in any hook.
[[nodiscard]] inline Values plain_values(std::int64_t epoch, std::optional<std::int64_t> batch_idx) {
    return {{"one", 1.0},
            {"epoch", static_cast<double>(epoch)},
            {"wave", std::cos(0.9 * static_cast<double>(epoch))},
            {"batch_idx", static_cast<double>(batch_idx.value_or(0))}};
}

/// One linear layer; every hook writes down that it was called, does what Lightning does by default, commits the faults
/// of the scenario, and logs. `Self` is the module that a user would write.
template <class Self, bool Automatic>
struct NetBase : lit::Module<Self> {
    static constexpr bool automatic_optimization = Automatic;

    explicit NetBase(Recording& recording) : r(recording) {
        fc = this->register_module("fc", torch::nn::Linear(features, classes));
        const torch::NoGradGuard no_grad;
        for (std::int64_t row = 0; row < classes; ++row) {
            for (std::int64_t column = 0; column < features; ++column) {
                const double w = 0.1 * std::cos(1.3 * static_cast<double>(row) + 0.7 * static_cast<double>(column));
                fc->weight.index_put_({row, column}, w);
            }
            fc->bias.index_put_({row}, 0.05 * (static_cast<double>(row) - 1.0));
        }
        if (r.module().value("batch_norm", false)) {
            norm = this->register_module("norm", torch::nn::BatchNorm1d(classes));
        }
        if (optimizer_count() == 2) {
            scale = this->register_parameter("scale", torch::ones({1}));
        }
        if (r.module().value("eval_child", false)) {
            fc->eval();
        }
        r.net = this;
        r.child = fc.get();
    }

    torch::Tensor forward(const torch::Tensor& x) {
        auto y = fc->forward(x);
        y = norm.is_empty() ? y : norm->forward(y);
        return scale.defined() ? y * scale : y;
    }

    // --- steps ---

    auto training_step(auto& trainer, const lit::Example& batch, std::int64_t batch_idx) {
        const Answer answer = enter("training_step", batch_idx);
        const auto out = forward(batch.data);
        const auto loss = F::cross_entropy(out, batch.target);
        r.train_loss.push_back(loss.template item<double>());
        Values values = plain_values(this->current_epoch(), batch_idx);
        values["loss"] = loss;
        log_all("training_step", values, 0, {loss, out, batch.target});
        if constexpr (Automatic) {
            return answer == Answer::none ? std::optional<torch::Tensor>() : std::optional(loss);
        } else {
            for (auto& optimizer : trainer.optimizers()) {
                trainer.toggle_optimizer(optimizer);
                const auto part = F::cross_entropy(forward(batch.data), batch.target);
                optimizer.zero_grad();
                trainer.manual_backward(part);
                optimizer.step();
                trainer.untoggle_optimizer(optimizer);
            }
            const Json scheduler = r.module().value("scheduler", Json());
            const std::int64_t every = scheduler.is_object() ? scheduler.value("by_hand_every", std::int64_t{0}) : 0;
            if (every > 0 && (batch_idx + 1) % every == 0) {
                const double metric = loss.template item<double>();
                trainer.for_each_scheduler([&](auto& slot, auto& optimizer) { slot.step(optimizer, metric); });
            }
        }
    }
    void validation_step(const lit::Example& batch, std::int64_t batch_idx, std::int64_t loader_idx) {
        enter("validation_step", batch_idx);
        evaluate("validation_step", batch, batch_idx, loader_idx);
    }
    void test_step(const lit::Example& batch, std::int64_t batch_idx) {
        enter("test_step", batch_idx);
        evaluate("test_step", batch, batch_idx, 0);
    }
    torch::Tensor predict_step(const lit::Example& batch, std::int64_t batch_idx) {
        enter("predict_step", batch_idx);
        return forward(batch.data);
    }
    auto configure_optimizers() {
        enter("configure_optimizers");
        const Json& m = r.module();
        const Json spec = m.value("optimizer", Json{{"name", "sgd"}, {"lr", 0.1}});
        if constexpr (Automatic) {
            return Config{.optimizer = make_optimizer(spec, this->parameters()), .lr_scheduler = make_scheduler(m)};
        } else {
            std::vector<Config> configs;
            if (optimizer_count() == 2) {
                configs.push_back({.optimizer = make_optimizer(spec, fc->parameters()), .lr_scheduler = make_scheduler(m)});
                configs.push_back({.optimizer = make_optimizer(spec, {scale}), .lr_scheduler = std::nullopt});
            } else {
                configs.push_back({.optimizer = make_optimizer(spec, this->parameters()), .lr_scheduler = make_scheduler(m)});
            }
            return configs;
        }
    }

    // --- hooks ---

    void prepare_data() { note("prepare_data"); }
    void setup(lit::Stage stage) { note_stage("setup", stage); }
    void teardown(lit::Stage stage) { note_stage("teardown", stage); }
    void configure_model() { note("configure_model"); }
    void on_fit_start() { note("on_fit_start"); }
    void on_fit_end() { note("on_fit_end"); }
    void on_train_start() { note("on_train_start"); }
    void on_train_end() { note("on_train_end"); }
    void on_train_epoch_start() { note("on_train_epoch_start"); }
    void on_train_epoch_end() { note("on_train_epoch_end"); }
    lit::Next on_train_batch_start(const lit::Example&, std::int64_t batch_idx) {
        return note("on_train_batch_start", batch_idx) == Answer::skip ? lit::Next::skip_epoch : lit::Next::go_on;
    }
    void on_train_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_train_batch_end", batch_idx);
    }
    void on_validation_start() { note("on_validation_start"); }
    void on_validation_end() { note("on_validation_end"); }
    void on_validation_epoch_start() { note("on_validation_epoch_start"); }
    void on_validation_epoch_end() { note("on_validation_epoch_end"); }
    void on_validation_batch_start(const lit::Example&, std::int64_t batch_idx) {
        note("on_validation_batch_start", batch_idx);
    }
    void on_validation_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_validation_batch_end", batch_idx);
    }
    void on_validation_model_eval() {
        around("on_validation_model_eval", [&] { this->eval(); });
    }
    void on_validation_model_train() {
        around("on_validation_model_train", [&] { this->train(); });
    }
    void on_validation_model_zero_grad() {
        around("on_validation_model_zero_grad", [&] { this->zero_grad(); });
    }
    void on_test_start() { note("on_test_start"); }
    void on_test_end() { note("on_test_end"); }
    void on_test_epoch_start() { note("on_test_epoch_start"); }
    void on_test_epoch_end() { note("on_test_epoch_end"); }
    void on_test_batch_start(const lit::Example&, std::int64_t batch_idx) { note("on_test_batch_start", batch_idx); }
    void on_test_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_test_batch_end", batch_idx);
    }
    void on_test_model_eval() {
        around("on_test_model_eval", [&] { this->eval(); });
    }
    void on_test_model_train() {
        around("on_test_model_train", [&] { this->train(); });
    }
    void on_predict_start() { note("on_predict_start"); }
    void on_predict_end() { note("on_predict_end"); }
    void on_predict_epoch_start() { note("on_predict_epoch_start"); }
    void on_predict_epoch_end() { note("on_predict_epoch_end"); }
    void on_predict_batch_start(const lit::Example&, std::int64_t batch_idx) {
        note("on_predict_batch_start", batch_idx);
    }
    void on_predict_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_predict_batch_end", batch_idx);
    }
    void on_predict_model_eval() {
        around("on_predict_model_eval", [&] { this->eval(); });
    }
    lit::Example on_before_batch_transfer(const lit::Example& batch) { return note("on_before_batch_transfer"), batch; }
    lit::Example transfer_batch_to_device(const lit::Example& batch, const torch::Device& device) {
        note("transfer_batch_to_device");
        return {batch.data.to(device), batch.target.to(device)};
    }
    lit::Example on_after_batch_transfer(const lit::Example& batch) { return note("on_after_batch_transfer"), batch; }
    void on_before_zero_grad(auto&) { note("on_before_zero_grad"); }
    void on_before_backward(const torch::Tensor&) { note("on_before_backward"); }
    void backward(const torch::Tensor& loss) {
        around("backward", [&] { loss.backward(); });
    }
    void on_after_backward() { note("on_after_backward"); }
    void on_before_optimizer_step(auto&) { note("on_before_optimizer_step"); }
    void optimizer_step(std::int64_t, std::int64_t, auto& optimizer, auto& closure) {
        around("optimizer_step", [&] { optimizer.step(closure); });
    }
    void optimizer_zero_grad(std::int64_t, std::int64_t, auto& optimizer) {
        around("optimizer_zero_grad", [&] { optimizer.zero_grad(true); });
    }
    void configure_gradient_clipping(auto& trainer, auto& optimizer, std::optional<double> value,
                                     lit::ClipAlgorithm algorithm) {
        around("configure_gradient_clipping", [&] { trainer.clip_gradients(optimizer, value, algorithm); });
    }
    void lr_scheduler_step(auto& scheduler, std::optional<double> metric) {
        around("lr_scheduler_step", [&] { scheduler.step(metric); });
    }
    void on_save_checkpoint(lit::Dict&) { note("on_save_checkpoint"); }
    void on_load_checkpoint(const lit::Dict&) { note("on_load_checkpoint"); }

    Recording& r;
    torch::nn::Linear fc{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    torch::Tensor scale;

 protected:
    /// The hook was called: written down before it does anything.
    void event(const std::string& hook, std::optional<std::int64_t> batch) { r.event("module", hook, place(), batch); }
    Answer faults(const std::string& hook, std::optional<std::int64_t> batch) {
        return r.faults("module", hook, batch, place(), [this] { this->request_stop("fault"); });
    }
    Answer enter(const std::string& hook, std::optional<std::int64_t> batch = std::nullopt) {
        return event(hook, batch), faults(hook, batch);
    }

 private:
    [[nodiscard]] std::int64_t optimizer_count() const { return r.module().value("optimizers", std::int64_t{1}); }
    [[nodiscard]] Place place() const {
        return {this->current_epoch(), this->global_step(), this->sanity_checking()};
    }

    template <class Act>
    Answer around(const std::string& hook, Act&& act, std::optional<std::int64_t> batch = std::nullopt) {
        event(hook, batch);
        act();
        const Answer answer = faults(hook, batch);
        log_all(hook, plain_values(this->current_epoch(), batch));
        return answer;
    }
    Answer note(const std::string& hook, std::optional<std::int64_t> batch = std::nullopt) {
        return around(hook, [] {}, batch);
    }
    void note_stage(const std::string& hook, lit::Stage stage) {
        r.event("module", hook, place(), std::string(lit::to_string(stage)));
        faults(hook, std::nullopt);
    }
    void evaluate(const std::string& hook, const lit::Example& batch, std::int64_t batch_idx, std::int64_t loader_idx) {
        const auto out = forward(batch.data);
        Values values = plain_values(this->current_epoch(), batch_idx);
        const auto loss = F::cross_entropy(out, batch.target);
        values["loss"] = loss;
        values["acc"] = (out.argmax(1) == batch.target).to(torch::kFloat).mean();
        log_all(hook, values, loader_idx, {loss, out, batch.target});
    }
    /// What metric objects are updated with.
    struct Seen {
        torch::Tensor loss{};
        torch::Tensor out{};
        torch::Tensor target{};
    };
    void log_all(const std::string& hook, const Values& values, std::int64_t loader_idx = 0, const Seen& seen = {}) {
        r.for_each_logged("module", hook, loader_idx, [&](const Json& spec) {
            const std::string name = spec["name"];
            const std::string value = spec.value("value", "loss");
            lit::LogOptions options = log_options(spec);
            const bool forward = spec.value("forward", true);
            options.metric_attribute = value == "mean_metric" || value == "accuracy";
            if (value == "mean_metric") {
                lit::MeanMetric& metric = means_[name];
                forward ? static_cast<void>(metric(seen.loss)) : metric.update(seen.loss);
                this->log(name, metric, options);
            } else if (value == "accuracy") {
                lit::Accuracy& metric =
                    accuracies_.try_emplace(name, lit::AccuracyOptions{.num_classes = classes}).first->second;
                forward ? static_cast<void>(metric(seen.out, seen.target)) : metric.update(seen.out, seen.target);
                this->log(name, metric, options);
            } else {
                this->log(name, values.at(value), options);
            }
        });
    }

    std::map<std::string, lit::MeanMetric> means_;
    std::map<std::string, lit::Accuracy> accuracies_;
};

/// A module whose data come from elsewhere.
template <bool Automatic>
struct Net : NetBase<Net<Automatic>, Automatic> {
    using NetBase<Net, Automatic>::NetBase;
};

}  // namespace conformance
