// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/finetuned.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/gradient_monitor.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/optim/clip.hpp>
#include <lit/optim/torch_optimizer.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/modules/embedding.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using finetuned::Net;
using lit::GradientMonitor;
using lit::GradientScope;
using lit::NonFiniteGradients;

static_assert(lit::CallbackPolicy<GradientMonitor>);
static_assert(!std::is_polymorphic_v<GradientMonitor>);

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Remembers the rows with a gradient's norm.
struct Rows {
    std::vector<std::pair<std::int64_t, std::map<std::string, double>>> rows{};

    static void start(const std::filesystem::path& /*root*/) {}
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        std::map<std::string, double> row;
        for (const lit::Scalar& metric : metrics) {
            row[std::string(metric.name)] = metric.value;
        }
        if (metrics.front().name.starts_with("grad_")) {
            rows.emplace_back(step, std::move(row));
        }
    }
    static void log_hyperparams(const lit::Dict& /*params*/) {}
    static void save() {}
    static void finalize(std::string_view /*status*/) {}
    [[nodiscard]] static std::string name() { return "rows"; }
    [[nodiscard]] static std::string version() { return "version_0"; }
    [[nodiscard]] static std::filesystem::path save_dir() { return {}; }
    [[nodiscard]] static std::filesystem::path log_dir() { return {}; }
};

template <class... More>
auto rows_of(lit::GradientMonitorOptions options, std::int64_t epochs, More... more) {
    Net<> net;
    auto trainer = scripted::trainer({.max_epochs = epochs, .log_every_n_steps = 1}, GradientMonitor{options},
                                     Rows{}, std::move(more)...);
    trainer.fit(net, finetuned::data());
    return trainer.template get<Rows>().rows;
}
/// Rows of a table, whose gradients are sparse.
struct Words : lit::Module<Words> {
    torch::nn::Embedding words{nullptr};
    Words() {
        words = register_module("words", torch::nn::Embedding(torch::nn::EmbeddingOptions(5, 2).sparse(true)));
    }
    at::Tensor training_step(const at::Tensor& batch) { return words(batch).sum(); }
    auto configure_optimizers() {
        return torch::optim::SGD(parameters(), torch::optim::SGDOptions(0.125));
    }
};
struct Shared : lit::Module<Shared> {
    torch::nn::Linear first{nullptr};
    Shared() {
        first = register_module("first", torch::nn::Linear(2, 1));
        register_module("second", first);
    }
    at::Tensor training_step(const lit::Example& batch) { return first(batch.data).mean(); }
    auto configure_optimizers() { return lit::SGD{first->parameters(), {.lr = 0.0}}; }
};
/// Batches of which the second makes gradients that are nan.
std::vector<lit::Example> broken_data() {
    auto batches = finetuned::data();
    batches[1].data = at::full({4, 2}, infinity);
    return batches;
}

}  // namespace

TEST_SUITE("callbacks/gradient_monitor") {
    // Printed by Lightning 2.6.6's grad_norm(module, 2) and (module, "inf") in on_before_optimizer_step, for the same
    // module; float32, of which the norm of a batch norm's neighbour is rounding noise.
    TEST_CASE("gives Lightning's keys and norms") {
        const auto rows = rows_of({}, 1);
        CHECK(rows.size() == 2);
        CHECK(rows[0].first == 0);
        CHECK(rows[1].first == 1);
        const std::map<std::string, double> expected{
            {"grad_2.0_norm/backbone.0.weight", 0.07259562611579895},
            {"grad_2.0_norm/backbone.0.bias", 1.3761926709321415e-08},
            {"grad_2.0_norm/backbone.1.weight", 0.2733136713504791},
            {"grad_2.0_norm/backbone.1.bias", 0.1265321671962738},
            {"grad_2.0_norm/backbone.2.weight", 0.3616102933883667},
            {"grad_2.0_norm/backbone.2.bias", 0.15187512338161469},
            {"grad_2.0_norm/head.weight", 0.4761860966682434},
            {"grad_2.0_norm/head.bias", 0.23828129470348358},
            {"grad_2.0_norm_total", 0.7303013801574707}};
        CHECK(rows[0].second.size() == expected.size());
        for (const auto& [name, value] : expected) {
            CAPTURE(name);
            CHECK(rows[0].second.contains(name));
            CHECK(std::abs(rows[0].second.at(name) - value) < 1e-6);
        }
        const auto largest = rows_of({.norm_type = infinity, .group_separator = "."}, 1)[0].second;
        CHECK(std::abs(largest.at("grad_inf_norm.head.weight") - 0.4133504033088684) < 1e-6);
        CHECK(std::abs(largest.at("grad_inf_norm_total") - 0.4133504033088684) < 1e-6);
    }
    TEST_CASE("by parts it gives the joint norm of each, and the total alone where that is asked for") {
        const auto row = rows_of({.scope = GradientScope::modules}, 1)[0].second;
        CHECK(row.size() == 3);
        const double head = std::hypot(0.4761860966682434, 0.23828129470348358);
        CHECK(std::abs(row.at("grad_2.0_norm/head") - head) < 1e-6);
        CHECK(std::abs(std::hypot(row.at("grad_2.0_norm/backbone"), head) - row.at("grad_2.0_norm_total")) <
              1e-6);
        const auto total = rows_of({.scope = GradientScope::total}, 1)[0].second;
        CHECK(total.size() == 1);
        CHECK(total.at("grad_2.0_norm_total") == row.at("grad_2.0_norm_total"));
    }
    TEST_CASE("comes round every n steps, and sees whole gradients before they are clipped") {
        const auto steps = [](const auto& rows) {
            std::vector<std::int64_t> all;
            for (const auto& row : rows) {
                all.push_back(row.first);
            }
            return all;
        };
        using Steps = std::vector<std::int64_t>;
        CHECK(steps(rows_of({.every_n_steps = 3}, 4)) == Steps{2, 5});
        CHECK(steps(rows_of({}, 3, lit::GradientAccumulation{2})) == Steps{0, 1, 2});
        CHECK(rows_of({}, 1, lit::GradientClip{1e-3})[0] == rows_of({}, 1)[0]);
    }
    TEST_CASE("monitors see the norms, and what has no gradient has none") {
        Net<> net;
        net.head->bias.set_requires_grad(false);
        auto trainer = scripted::trainer({.max_epochs = 1, .log_every_n_steps = 1}, GradientMonitor{});
        trainer.fit(net, finetuned::data());
        CHECK(trainer.callback_metrics().value("grad_2.0_norm_total").has_value());
        CHECK(trainer.callback_metrics().value("grad_2.0_norm/head.weight").has_value());
        CHECK_FALSE(trainer.callback_metrics().value("grad_2.0_norm/head.bias").has_value());
    }
    TEST_CASE("of a sparse gradient those numbers count that are there") {
        Words net;
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 1, .log_every_n_steps = 1},
                                                    GradientMonitor{{.on_non_finite = NonFiniteGradients::raise}});
        trainer.fit(net, std::vector{at::tensor({1, 1, 2}, at::kLong)});
        CHECK(trainer.callback_metrics().value("grad_2.0_norm_total") ==
              doctest::Approx(std::sqrt(2.0 * (4.0 + 1.0))));  // of 2 numbers each, one row twice
    }
    TEST_CASE("the norms of doubles are doubles") {
        Shared net;
        net.to(at::kDouble);
        auto batches = scripted::batches(1);
        batches[0].data = at::full({4, 2}, 1e60, at::kDouble);
        auto trainer = scripted::trainer_on_the_cpu({.max_steps = 1, .log_every_n_steps = 1},
                                                    GradientMonitor{{.on_non_finite = NonFiniteGradients::raise}});
        trainer.fit(net, batches);
        CHECK(trainer.callback_metrics().value("grad_2.0_norm_total") > 1e39);
    }
    TEST_CASE("the parameters of a module that stands at two places count once") {
        Shared net;
        auto trainer = scripted::trainer_on_the_cpu({.max_steps = 1, .log_every_n_steps = 1}, GradientMonitor{});
        trainer.fit(net, scripted::batches(1));
        CHECK(trainer.callback_metrics().value("grad_2.0_norm_total") ==
              doctest::Approx(lit::grad_norm(net.first->parameters()).item<double>()));
        CHECK_FALSE(trainer.callback_metrics().value("grad_2.0_norm/second.weight").has_value());
    }
    TEST_CASE("gradients that are not finite: nothing, a stop, or an error before the update") {
        const auto run = [](NonFiniteGradients what) {
            Net<> net;
            auto trainer = scripted::trainer(
                {.max_epochs = 3},
                GradientMonitor{{.scope = GradientScope::total, .every_n_steps = 1, .on_non_finite = what}});
            const auto result = trainer.fit(net, broken_data());
            return std::pair(result.global_step, result.reason);
        };
        CHECK(run(NonFiniteGradients::ignore).first == 6);
        CHECK(run(NonFiniteGradients::warn).first == 6);
        const auto stopped = run(NonFiniteGradients::stop);
        CHECK(stopped.first == 2);
        CHECK(stopped.second.find("not finite at epoch 0, global step 1: inf or nan in backbone.0.weight") !=
              std::string::npos);
        Net<> net;
        auto trainer = scripted::trainer(
            {.max_epochs = 1},
            GradientMonitor{{.every_n_steps = 1, .on_non_finite = NonFiniteGradients::raise}});
        CHECK_THROWS_WITH_AS(trainer.fit(net, broken_data()), doctest::Contains("The update was not made"),
                             lit::NonFiniteLoss);
        CHECK(std::isfinite(net.sums().front()));
    }
    TEST_CASE("refuses a norm and an interval that cannot be meant") {
        CHECK_THROWS_AS(GradientMonitor{{.norm_type = 0.0}}, lit::ConfigError);
        CHECK_THROWS_AS(GradientMonitor{{.norm_type = std::nan("")}}, lit::ConfigError);
        CHECK_THROWS_WITH_AS(GradientMonitor{{.every_n_steps = 0}},
                             "GradientMonitor: every_n_steps = 0, expected 1 or more.", lit::ConfigError);
    }
}
