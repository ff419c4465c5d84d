// SPDX-License-Identifier: Apache-2.0
#include <lit/module/log_calls.hpp>

#include <lit/metrics/accuracy.hpp>
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

/// 1 2 | 3 4 | 5: the last batch is short, so that a mean over batches is not the mean over samples.
std::vector<at::Tensor> ragged(double offset = 0.0, std::int64_t samples = 5) {
    std::vector<at::Tensor> batches;
    for (std::int64_t first = 0; first < samples; first += 2) {
        batches.push_back(at::arange(first + 1, std::min(first + 3, samples + 1)).to(at::kFloat) + offset);
    }
    return batches;
}

struct Means : lit::Module<Means> {
    at::Tensor weight = register_parameter("weight", at::ones({1}));
    lit::MeanMetric train_mean;
    lit::MeanMetric val_mean;
    std::vector<double> at_train_end, at_val_end;
    bool val_forward = false;

    at::Tensor training_step(const at::Tensor& batch) {
        train_mean(batch);
        log<"acc">(train_mean, {.prog_bar = true, .on_step = true, .on_epoch = true});
        return (weight * batch).mean();
    }
    void validation_step(const at::Tensor& batch) {
        val_forward ? static_cast<void>(val_mean(batch)) : val_mean.update(batch);
        log<"v">(val_mean);
    }
    void on_train_epoch_end() { at_train_end.push_back(train_mean.compute().item<double>()); }
    void on_validation_end() { at_val_end.push_back(val_mean.compute().item<double>()); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

/// Calls `Act` with the module and the batch in each training step.
template <class Act>
struct Acting : lit::Module<Acting<Act>> {
    at::Tensor weight = this->register_parameter("weight", at::ones({1}));
    lit::MeanMetric first, second;
    Act act;

    explicit Acting(Act given) : act(std::move(given)) {}
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        act(*this, batch, batch_idx);
        return (weight * batch).mean();
    }
    auto configure_optimizers() { return lit::SGD{this->parameters(), {.lr = 0.0}}; }
};

template <class Act>
std::map<std::string, double> metrics_of(Act act) {
    Acting<Act> module(std::move(act));
    auto train = ragged();
    auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 1});
    trainer.fit(module, train);
    std::map<std::string, double> all;
    for (const auto& [id, number] : trainer.callback_metrics().items()) {
        all[lit::MetricNames::name(id)] = number.value();
    }
    return all;
}

/// Logs its own metric object.
struct Watcher {
    lit::MeanMetric seen{};
    void on_train_batch_end(auto& trainer, auto&, const auto&, const at::Tensor& batch) {
        seen(batch);
        trainer.template log<"seen">(seen, {.on_step = false, .on_epoch = true});
    }
};

/// A metric that brings nothing but what the contract asks: no value of the batch.
struct Largest {
    double value = 0.0;
    at::Tensor compute() { return at::scalar_tensor(value); }
    void reset() { value = 0.0; }
    [[nodiscard]] lit::Dict state() const { return {}; }
    void load_state(const lit::Dict&) {}
    void sync(lit::CollectivePolicy auto&) {}
};
static_assert(lit::MetricPolicy<Largest> && !lit::RemembersBatchValue<Largest>);
static_assert(lit::RemembersBatchValue<lit::MeanMetric> && lit::RemembersBatchValue<lit::Accuracy>);
static_assert(!lit::detail::is_one_number<lit::ConfusionMatrix> && lit::detail::is_one_number<lit::Accuracy>);
static_assert(std::is_empty_v<lit::LogCalls<lit::detail::NoBase, Means, Means>>);

struct Calls : probe::LineBase<Calls> {
    bool in_epoch_start = false;
    void helper() { log<"x">(1.0); }
    void on_fit_start() {
        if (!in_epoch_start) {
            helper();
        }
    }
    void on_train_epoch_start() { log<"x">(1.0, {.on_step = in_epoch_start}); }
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

}  // namespace

TEST_SUITE("module/log_calls") {
    // The numbers of these cases are those of Lightning 2.6.6 with torchmetrics 1.9 MeanMetric on the same batches.
    TEST_CASE("a metric object gives its batch's value for the step and what it gathered for the epoch") {
        Means module;
        auto train = ragged();
        auto val = ragged();
        std::vector<probe::Rows::Row> rows;
        auto trainer = probe::trainer({.max_epochs = 2, .num_sanity_val_steps = 1, .log_every_n_steps = 1},
                                      probe::Rows{.rows = &rows});
        trainer.fit(module, train, val);

        using Row = probe::Rows::Row;
        const std::vector<Row> expected{
            Row{0, {{"acc_step", 1.5}, {"epoch", 0}}}, Row{1, {{"acc_step", 3.5}, {"epoch", 0}}},
            Row{2, {{"acc_step", 5.0}, {"epoch", 0}}}, Row{2, {{"v", 3.0}, {"epoch", 0}}},
            Row{2, {{"acc_epoch", 3.0}, {"epoch", 0}}}, Row{3, {{"acc_step", 1.5}, {"epoch", 1}}},
            Row{4, {{"acc_step", 3.5}, {"epoch", 1}}}, Row{5, {{"acc_step", 5.0}, {"epoch", 1}}},
            Row{5, {{"v", 3.0}, {"epoch", 1}}}, Row{5, {{"acc_epoch", 3.0}, {"epoch", 1}}}};
        CHECK(rows == expected);
        // The sanity check sees the first batch alone, and leaves nothing behind.
        CHECK(module.at_val_end == std::vector<double>{1.5, 3.0, 3.0});
        CHECK(module.at_train_end == std::vector<double>{3.0, 3.0});
        CHECK(trainer.callback_metrics().value("acc") == 3.0);
        CHECK(trainer.callback_metrics().value("acc_step") == 5.0);
        CHECK(trainer.callback_metrics().value("acc_epoch") == 3.0);
        CHECK(trainer.progress_bar_metrics().value("acc_epoch") == 3.0);
        CHECK_FALSE(trainer.progress_bar_metrics().contains("acc"));
        CHECK(std::isnan(module.train_mean.compute().item<double>()));
        CHECK_FALSE(module.train_mean.batch_value().defined());

        const auto results = trainer.validate(module, val, {.verbose = false});
        CHECK(results.at(0) == lit::Metrics{{"v", 3.0}});
    }

    TEST_CASE("one object goes on from loader to loader, as in Lightning") {
        Means module;
        auto train = ragged();
        std::vector<std::vector<at::Tensor>> val{ragged(0.0, 4), ragged(10.0, 4)};
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0});
        trainer.fit(module, train, val);
        CHECK(trainer.callback_metrics().value("v/dataloader_idx_0") == 2.5);
        CHECK(trainer.callback_metrics().value("v/dataloader_idx_1") == 7.5);
        CHECK(module.at_val_end == std::vector<double>{7.5});
    }

    TEST_CASE("one object may have several names; without forward there is no value for the step") {
        using Map = std::map<std::string, double>;
        CHECK(metrics_of([](auto& m, const auto& batch, std::int64_t) {
                  m.first(batch);
                  m.template log<"acc">(m.first, {.on_epoch = true});
                  m.template log<"acc2">(m.first, {.on_step = false, .on_epoch = true});
              }) == Map{{"acc", 3.0}, {"acc_step", 5.0}, {"acc_epoch", 3.0}, {"acc2", 3.0}});
        CHECK(metrics_of([](auto& m, const auto& batch, std::int64_t) {
                  m.first.update(batch);
                  m.template log<"acc">(m.first);
              }).empty());
        CHECK(metrics_of([](auto& m, const auto& batch, std::int64_t) {
                  m.first.update(batch);
                  m.log(std::string("by ") + "name", m.first, {.on_step = false, .on_epoch = true});
              }) == Map{{"by name", 3.0}});
        CHECK(metrics_of([largest = std::make_shared<Largest>()](auto& m, const auto& batch, std::int64_t) {
                  largest->value = std::max(largest->value, batch.max().template item<double>());
                  m.template log<"largest", lit::LogOptions{.on_step = false, .on_epoch = true,
                                                            .metric_attribute = true}>(*largest);
              }) == Map{{"largest", 5.0}});
    }

    TEST_CASE("a callback logs an object of its own") {
        probe::Line module;
        auto train = ragged();
        auto trainer = probe::trainer({.max_epochs = 2}, Watcher{});
        trainer.fit(module, train);
        CHECK(trainer.callback_metrics().value("seen") == 3.0);
    }

    TEST_CASE("what an object cannot do is said at the first call") {
        const auto says = [](auto act, const char* text) {
            CHECK_THROWS_WITH_AS(metrics_of(std::move(act)), doctest::Contains(text), lit::Error);
        };
        says([](auto& m, const auto& batch, std::int64_t) {
            lit::MeanMetric local;
            local(batch);
            m.template log<"acc">(local);
        }, "\"acc\" is no member of the module");
        says([](auto& m, const auto& batch, std::int64_t) {
            m.first(batch);
            m.template log<"acc">(m.first, {.reduce_fx = lit::Reduce::maximum});
        }, "It reduces by itself");
        says([](auto& m, const auto& batch, std::int64_t i) {
            m.first(batch);
            i == 0 ? m.template log<"acc">(1.0) : m.template log<"acc">(m.first);
        }, "logged twice in training_step with different arguments");
        says([](auto& m, const auto& batch, std::int64_t i) {
            m.first(batch);
            m.second(batch);
            m.template log<"acc">(i == 0 ? m.first : m.second);
        }, "logged twice in training_step with different arguments");
        says([accuracy = std::make_shared<lit::Accuracy>(lit::AccuracyOptions{
                  .num_classes = 2, .average = lit::Average::none})](auto& m, const auto&, std::int64_t) {
            accuracy->update(at::tensor({0, 1}), at::tensor({0, 1}));
            m.template log<"acc">(*accuracy, {.on_step = false, .on_epoch = true, .metric_attribute = true});
        }, "computed 2 numbers");
        says([](auto& m, const auto&, std::int64_t) { m.template log<"x">(1.0, {.on_epoch = true, .batch_size = -1}); },
             "batch_size = -1");
        says([](auto& m, const auto&, std::int64_t) { m.template log<"x">(1.0, {.on_step = false}); },
             "nobody would see it");
    }

    TEST_CASE("an epoch that an exception ends leaves no half of it in the object") {
        bool fails = true;
        auto act = [&fails](auto& m, const auto& batch, std::int64_t i) {
            m.first(batch);
            m.template log<"acc">(m.first, {.on_step = false, .on_epoch = true});
            if (fails && i == 1) {
                throw std::runtime_error("broke off");
            }
        };
        Acting module(act);
        auto train = ragged();
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_AS(trainer.fit(module, train), std::runtime_error);
        CHECK(std::isnan(module.first.compute().template item<double>()));
        fails = false;
        auto again = probe::trainer({.max_epochs = 1});
        again.fit(module, train);
        CHECK(again.callback_metrics().value("acc") == 3.0);
    }

    TEST_CASE("options as a template argument mean the same") {
        using Map = std::map<std::string, double>;
        CHECK(metrics_of([](auto& m, const auto& batch, std::int64_t) {
                  m.template log<"x", lit::LogOptions{.on_step = false, .on_epoch = true,
                                                      .reduce_fx = lit::Reduce::sum}>(batch.sum());
                  m.template log<"y/dataloader_idx_7", lit::LogOptions{.add_dataloader_idx = false}>(2.0);
                  m.log("z/dataloader_idx_7", 3.0, {.add_dataloader_idx = false});
                  m.log_dict({{"p", 4.0}, {"q", 5.0}}, {.on_epoch = true});
              }) == Map{{"x", 15.0}, {"y/dataloader_idx_7", 2.0}, {"z/dataloader_idx_7", 3.0}, {"p", 4.0},
                        {"p_step", 4.0}, {"p_epoch", 4.0}, {"q", 5.0}, {"q_step", 5.0}, {"q_epoch", 5.0}});
    }

    TEST_CASE("what a hook that may not log calls, throws when it logs") {
        Calls module;
        auto train = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(trainer.fit(module, train), doctest::Contains("\"x\" was logged while nothing collects it"),
                             lit::Error);
        module.in_epoch_start = true;
        CHECK_THROWS_WITH_AS(trainer.fit(module, train), doctest::Contains("is a value of an epoch"), lit::Error);
    }
}
