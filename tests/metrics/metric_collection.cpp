// SPDX-License-Identifier: Apache-2.0
#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <lit/metrics/accuracy.hpp>
#include <lit/metrics/f1_score.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/metrics/metric_collection.hpp>

#include <ATen/ops/tensor.h>

#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using Means =
    lit::MetricCollection<lit::NamedMetric<"mean", lit::MeanMetric>, lit::NamedMetric<"again", lit::MeanMetric>>;
static_assert(lit::NamesItsMetrics<Means> && !std::is_polymorphic_v<Means>);
static_assert(!lit::MetricPolicy<Means>);  // its value is no single tensor

double number(const lit::Dict& values, const char* name) { return values.find(name)->tensor().item<double>(); }

/// Logs a collection in training and its clone in validation, and a map beside it.
struct Counted : probe::LineBase<Counted> {
    Means train{{.prefix = "train_"}, lit::MeanMetric{}, lit::MeanMetric{}};
    Means val = train.clone({.prefix = "val_", .postfix = "_x"});

    at::Tensor training_step(const at::Tensor& batch) {
        train.forward(batch);
        log_dict(train, {.on_step = true, .on_epoch = true});
        return loss(batch);
    }
    void validation_step(const at::Tensor& batch) {
        val.update(batch);
        log_dict(val);
        log_dict(std::map<std::string, double>{{"a", 1.0}, {"b", batch[0].item<double>()}});
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

struct Loose : probe::LineBase<Loose> {
    at::Tensor training_step(const at::Tensor& batch) {
        Means loose{lit::MeanMetric{}, lit::MeanMetric{}};
        log_dict(loose);
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

}  // namespace

TEST_SUITE("metrics/metric_collection") {
    TEST_CASE("each metric takes the batch, and answers under its name with prefix and postfix") {
        lit::MetricCollection metrics{{.prefix = "p/", .postfix = "_q"},
                                      lit::named<"acc">(lit::Accuracy{{.num_classes = 3}}),
                                      lit::named<"f1">(lit::F1Score{{.num_classes = 3}})};
        const at::Tensor target = at::tensor({0, 1, 2, 2});
        // closed form: 3 of 4 are right, and micro F1 of one label each is the same
        const lit::Dict batch = metrics(at::tensor({0, 1, 2, 1}), target);
        CHECK(batch.size() == 2);
        CHECK(number(batch, "p/acc_q") == 0.75);
        CHECK(number(batch, "p/f1_q") == 0.75);
        metrics.update(target, target);
        CHECK(number(metrics.compute(), "p/acc_q") == 0.875);
        CHECK(metrics.get<"f1">().compute().item<double>() == 0.875);
        metrics.reset();
        metrics.update(target, target);
        CHECK(number(metrics.compute(), "p/acc_q") == 1.0);
        CHECK(metrics.size() == 2);
    }

    TEST_CASE("a clone begins where the collection is and goes on by itself") {
        Means first{lit::MeanMetric{}, lit::MeanMetric{}};
        first.update(at::tensor({1.0F}));
        Means second = first.clone({.prefix = "b_"});
        second.update(at::tensor({3.0F}));
        CHECK(number(first.compute(), "mean") == 1.0);
        CHECK(number(second.compute(), "b_mean") == 2.0);
        first.load_state(second.state());
        CHECK(number(first.compute(), "again") == 2.0);
        CHECK_THROWS_WITH_AS(first.load_state({}), doctest::Contains("no metric \"mean\""), lit::CheckpointError);
    }

    TEST_CASE("log_dict logs each metric of a collection, and each value of a map") {
        Counted module;
        std::vector<probe::Rows::Row> rows;
        auto trainer = probe::trainer({.max_epochs = 2, .log_every_n_steps = 1}, probe::Rows{&rows});
        trainer.fit(module, probe::batches(3), probe::batches(2));
        // batch i holds i + 1: the step's value is the batch's own, the epoch's the mean, anew in each epoch
        CHECK(rows[0].second.at("train_mean_step") == 1.0);
        CHECK(rows[1].second.at("train_again_step") == 2.0);
        CHECK(trainer.callback_metrics().value("train_mean_epoch") == 2.0);
        CHECK(trainer.callback_metrics().value("train_again") == 2.0);
        CHECK(trainer.callback_metrics().value("val_mean_x") == 1.5);
        CHECK(trainer.callback_metrics().value("val_again_x") == 1.5);
        CHECK(trainer.callback_metrics().value("a") == 1.0);
        CHECK(trainer.callback_metrics().value("b") == 1.5);
        CHECK(rows.size() == 10);  // three steps, a validation and an epoch's end, twice
    }

    TEST_CASE("a collection that is no member of the module is refused") {
        Loose module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(trainer.fit(module, probe::batches(1)), doctest::Contains("is no member of the module"),
                             lit::Error);
    }

    TEST_CASE("a clone takes its first batch on another device, as what it was made of does") {
        lit::MetricCollection train{{.prefix = "train_"}, lit::named<"mean">(lit::MeanMetric{{.nan_strategy = lit::NanStrategy::disable}})};
        auto val = train.clone({.prefix = "val_"});
        val.update(at::ones({2}, at::kMeta));
        CHECK(val.compute().at("val_mean").tensor().is_meta());
    }
}
