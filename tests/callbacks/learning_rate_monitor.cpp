// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/finetuned.hpp"
#include "callbacks/scripted.hpp"

#include <lit/callbacks/base_finetuning.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/learning_rate_warm_up.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

static_assert(lit::CallbackPolicy<lit::LearningRateMonitor>);
static_assert(!std::is_polymorphic_v<lit::LearningRateMonitor>);

/// Remembers the rows as text: `x: name=value name=value`.
struct Rows {
    std::vector<std::string> rows{};

    static void start(const std::filesystem::path& /*root*/) {}
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        std::string row = std::to_string(step) + ":";
        for (const lit::Scalar& metric : metrics) {
            row += " " + std::string(metric.name) + "=" + std::to_string(metric.value).substr(0, 6);
        }
        rows.push_back(row);
    }
    static void log_hyperparams(const lit::Dict& /*params*/) {}
    static void save() {}
    static void finalize(std::string_view /*status*/) {}
    [[nodiscard]] static std::string name() { return "rows"; }
    [[nodiscard]] static std::string version() { return "version_0"; }
    [[nodiscard]] static std::filesystem::path save_dir() { return {}; }
    [[nodiscard]] static std::filesystem::path log_dir() { return {}; }
};

/// Optimizers as the test says.
template <class Make>
struct Optimized : lit::Module<Optimized<Make>> {
    torch::nn::Linear layer{nullptr};
    Make make;

    explicit Optimized(Make make_them) : make(make_them) {
        layer = this->register_module("layer", torch::nn::Linear(2, 1));
    }
    at::Tensor training_step(const lit::Example& batch) { return layer(batch.data).mean(); }
    auto configure_optimizers() { return make(*this); }
};

template <class Make>
std::vector<std::string> rows_of(Make make, lit::LearningRateMonitorOptions options, int steps = 2) {
    Optimized<Make> module(make);
    auto trainer = scripted::trainer({.max_epochs = 2, .log_every_n_steps = 1},
                                     lit::LearningRateMonitor{options}, Rows{});
    trainer.fit(module, scripted::batches(steps));
    return trainer.template get<Rows>().rows;
}
using Texts = std::vector<std::string>;

constexpr auto plain = [](auto& module) { return lit::SGD{module.parameters(), {.lr = 0.5}}; };
constexpr auto halved_each_epoch = [](auto& module) {
    return lit::OptimizerConfig{.optimizer = lit::SGD{module.parameters(), {.lr = 0.5}},
                                .lr_scheduler = lit::StepLR{{.step_size = 1, .gamma = 0.5}}};
};

/// Lets the backbone train from the second epoch on.
struct Thaw : lit::BaseFinetuning<Thaw> {
    void freeze_before_training(auto& module) { freeze(module.backbone); }
    void finetune_function(auto& module, std::int64_t epoch, auto& optimizer) {
        if (epoch == 1) {
            unfreeze_and_add_param_group(module.backbone, optimizer, {.initial_denom_lr = 4.0});
        }
    }
};

}  // namespace

TEST_SUITE("callbacks/learning_rate_monitor") {
    TEST_CASE("an optimizer without a scheduler is logged at both intervals") {
        CHECK(rows_of(plain, {}) == Texts{"0: lr-SGD=0.5000", "0: lr-SGD=0.5000", "1: lr-SGD=0.5000",
                                          "2: lr-SGD=0.5000", "2: lr-SGD=0.5000", "3: lr-SGD=0.5000"});
    }
    TEST_CASE("a scheduler is logged at its own interval, or at the one that was asked for") {
        CHECK(rows_of(halved_each_epoch, {}) == Texts{"0: lr-SGD=0.5000", "2: lr-SGD=0.2500"});
        CHECK(rows_of(halved_each_epoch, {.logging_interval = lit::Interval::epoch}) ==
              Texts{"0: lr-SGD=0.5000", "2: lr-SGD=0.2500"});
        CHECK(rows_of(halved_each_epoch, {.logging_interval = lit::Interval::step}) ==
              Texts{"0: lr-SGD=0.5000", "1: lr-SGD=0.5000", "2: lr-SGD=0.2500", "3: lr-SGD=0.2500"});
    }
    TEST_CASE("momentum and weight decay go along when they are asked for") {
        const auto rows = rows_of(
            [](auto& module) {
                return lit::SGD{module.parameters(), {.lr = 0.5, .momentum = 0.75, .weight_decay = 0.25}};
            },
            {.logging_interval = lit::Interval::epoch, .log_momentum = true, .log_weight_decay = true});
        CHECK(rows[0] == "0: lr-SGD=0.5000 lr-SGD-momentum=0.7500 lr-SGD-weight_decay=0.2500");
    }
    TEST_CASE("parameter groups and schedulers give their names") {
        using Options = lit::SGDOptions;
        const auto grouped = [](auto& module) {
            return lit::SGD{
                {lit::ParamGroup<Options>{.params = {module.layer->weight}, .options = {.lr = 0.5}},
                 lit::ParamGroup<Options>{
                     .params = {module.layer->bias}, .options = {.lr = 0.25}, .name = "bias"}}};
        };
        CHECK(rows_of(grouped, {.logging_interval = lit::Interval::epoch})[0] ==
              "0: lr-SGD/pg1=0.5000 lr-SGD/bias=0.2500");
        const auto named = [](auto& module) {
            return lit::OptimizerConfig{.optimizer = lit::SGD{module.parameters(), {.lr = 0.5}},
                                        .lr_scheduler = lit::LRSchedulerConfig{
                                            .scheduler = lit::StepLR{{.step_size = 1}}, .name = "rate"}};
        };
        CHECK(rows_of(named, {})[0] == "0: rate=0.5000");
    }
    TEST_CASE("monitors see the rates under the same names") {
        Optimized module(plain);
        auto trainer =
            scripted::trainer({.max_epochs = 1, .log_every_n_steps = 1}, lit::LearningRateMonitor{}, Rows{});
        trainer.fit(module, scripted::batches(1));
        CHECK(trainer.callback_metrics().value("lr-SGD") == 0.5);
    }
    TEST_CASE("rates are those that a warm-up makes of them") {
        Optimized module(halved_each_epoch);
        auto trainer = scripted::trainer({.max_epochs = 2, .log_every_n_steps = 1},
                                         lit::LearningRateMonitor{{.logging_interval = lit::Interval::step}}, Rows{},
                                         lit::LearningRateWarmUp{{.steps = 4, .start_factor = 0.0}});
        trainer.fit(module, scripted::batches(2));
        CHECK(trainer.template get<Rows>().rows == Texts{"0: lr-SGD=0.0000", "1: lr-SGD=0.1250", "2: lr-SGD=0.1250",
                                                         "3: lr-SGD=0.1875"});
    }
    TEST_CASE("a trainer without a logger is refused when training begins") {
        Optimized module(plain);
        auto trainer = scripted::trainer({.max_epochs = 1}, lit::LearningRateMonitor{});
        CHECK_THROWS_WITH_AS(trainer.fit(module, scripted::batches(1)), doctest::Contains("has no logger"),
                             lit::ConfigError);
    }
    TEST_CASE("two groups of one name are refused") {
        using Options = lit::SGDOptions;
        Optimized module([](auto& self) {
            return lit::SGD{{lit::ParamGroup<Options>{
                                 .params = {self.layer->weight}, .options = {.lr = 0.5}, .name = "same"},
                             lit::ParamGroup<Options>{
                                 .params = {self.layer->bias}, .options = {.lr = 0.5}, .name = "same"}}};
        });
        auto trainer = scripted::trainer({.max_epochs = 1}, lit::LearningRateMonitor{}, Rows{});
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(1)), lit::ConfigError);
    }

    TEST_CASE("groups that come while training are logged from then on, under the names that all get then") {
        finetuned::Net<> module;
        auto trainer = scripted::trainer({.max_epochs = 2, .log_every_n_steps = 1}, Thaw{},
                                         lit::LearningRateMonitor{{.logging_interval = lit::Interval::epoch}}, Rows{});
        trainer.fit(module, finetuned::data());
        CHECK(trainer.template get<Rows>().rows ==
              Texts{"0: lr-SGD=0.1000", "2: lr-SGD/pg1=0.1000 lr-SGD/pg2=0.0250"});
    }
}
