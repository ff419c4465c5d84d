// SPDX-License-Identifier: Apache-2.0
#include "metrics/reference/stat_scores_cases.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/accuracy.hpp>

#include <optional>
#include <type_traits>
#include <vector>

namespace {

using lit::Accuracy;
using lit::Average;

static_assert(lit::MetricOf<Accuracy, at::Tensor, at::Tensor>);
static_assert(!std::is_polymorphic_v<Accuracy>);
static_assert(!std::is_constructible_v<Accuracy>, "num_classes has to be given");

using reference::tolerance;

TEST_SUITE("metrics/accuracy") {
    // Reference: tests/metrics/reference/torchmetrics_reference.py, torchmetrics 1.9.0.
    TEST_CASE("Accuracy gives torchmetrics' values for each batch and for all of them") {
        reference::check_two_batches<Accuracy>({
            {Average::micro, 1, std::nullopt, {0.3333333432674408}, {0.3030303120613098}},
            {Average::micro, 1, 1, {0.3333333432674408}, {0.2916666567325592}},
            {Average::micro, 2, std::nullopt, {0.4444444477558136}, {0.39393940567970276}},
            {Average::micro, 2, 1, {0.3333333432674408}, {0.3333333432674408}},
            {Average::macro, 1, std::nullopt, {0.3333333432674408}, {0.21282051503658295}},
            {Average::macro, 1, 1, {0.3333333432674408}, {0.14615385234355927}},
            {Average::macro, 2, std::nullopt, {0.5555555820465088}, {0.34081196784973145}},
            {Average::macro, 2, 1, {0.5}, {0.26923078298568726}},
            {Average::weighted, 1, std::nullopt, {0.3333333432674408}, {0.3030303120613098}},
            {Average::weighted, 1, 1, {0.3333333432674408}, {0.2916666865348816}},
            {Average::weighted, 2, std::nullopt, {0.4444444477558136}, {0.39393940567970276}},
            {Average::weighted, 2, 1, {0.3333333432674408}, {0.3333333432674408}},
            {Average::none,
             1,
             std::nullopt,
             {0.0, 0.3333333432674408, 0.0, 0.0, 1.0},
             {0.0, 0.3333333432674408, 0.0, 0.23076923191547394, 0.5}},
            {Average::none, 1, 1, {0.0, 0.0, 0.0, 0.0, 1.0}, {0.0, 0.0, 0.0, 0.23076923191547394, 0.5}},
            {Average::none,
             2,
             std::nullopt,
             {0.0, 0.6666666865348816, 0.0, 0.0, 1.0},
             {0.0, 0.5555555820465088, 0.0, 0.3076923191547394, 0.5}},
            {Average::none, 2, 1, {0.0, 0.0, 0.0, 0.0, 1.0}, {0.0, 0.0, 0.0, 0.3076923191547394, 0.5}},
        });
    }

    TEST_CASE("Accuracy leaves out an ignore_index that is no class") {
        reference::check_ignored<Accuracy>({
            {Average::micro, 1, {0.31578946113586426}},
            {Average::micro, 2, {0.3684210479259491}},
            {Average::macro, 1, {0.20000001788139343}},
            {Average::macro, 2, {0.2916666865348816}},
            {Average::weighted, 1, {0.31578946113586426}},
            {Average::weighted, 2, {0.3684210777282715}},
            {Average::none, 1, {0.0, 0.3333333432674408, 0.0, 0.3333333432674408, 0.3333333432674408}},
            {Average::none, 2, {0.0, 0.5, 0.0, 0.3333333432674408, 0.3333333432674408}},
        });
    }

    TEST_CASE(
        "Accuracy takes labels and positions of an image, and leaves absent classes out of the macro mean") {
        reference::check_other_inputs<Accuracy>({.labels = 0.26816239953041077,
                                                .image = 0.1492857187986374,
                                                .absent_macro = 0.8333333730697632,
                                                .absent_weighted = 0.75});
    }

    TEST_CASE("Accuracy's state is torchmetrics' and goes on after being loaded") {
        struct Row {
            Average average;
            std::vector<double> tp, fp, tn, fn;
        };
        for (const Row& row : {Row{Average::macro,
                                   {0.0, 3.0, 0.0, 3.0, 4.0},
                                   {2.0, 5.0, 4.0, 3.0, 9.0},
                                   {28.0, 19.0, 29.0, 17.0, 16.0},
                                   {3.0, 6.0, 0.0, 10.0, 4.0}},
                               Row{Average::micro, {10.0}, {23.0}, {109.0}, {23.0}}}) {
            CAPTURE(static_cast<int>(row.average));
            Accuracy metric{{.num_classes = 5, .average = row.average}};
            reference::two_batches(metric, 5);
            const lit::Dict state = metric.state();
            CHECK(reference::distance(state.at("tp").tensor(), row.tp) == 0);
            CHECK(reference::distance(state.at("fp").tensor(), row.fp) == 0);
            CHECK(reference::distance(state.at("tn").tensor(), row.tn) == 0);
            CHECK(reference::distance(state.at("fn").tensor(), row.fn) == 0);

            Accuracy other{{.num_classes = 5, .average = row.average}};
            other.load_state(state);
            metric.update(reference::scores({7, 5}, 3), reference::targets({7}, 5, 3));
            other.update(reference::scores({7, 5}, 3), reference::targets({7}, 5, 3));
            CHECK(other.compute().equal(metric.compute()));

            Accuracy narrow{
                {.num_classes = 3, .average = row.average == Average::micro ? Average::macro : row.average}};
            CHECK_THROWS_AS(narrow.load_state(state), lit::CheckpointError);
        }
    }

    TEST_CASE("Accuracy is a value: a copy that is synced or updated leaves the original alone") {
        for (const Average average : {Average::micro, Average::macro}) {
            Accuracy metric{{.num_classes = 5, .average = average}};
            reference::two_batches(metric, 5);
            const auto before = metric.state().at("tp").tensor();
            reference::TwinRanks ranks;
            Accuracy joint = metric;
            joint.sync(ranks);
            Accuracy more = metric;
            more.update(reference::targets({9}, 5), reference::targets({9}, 5));
            CHECK(metric.state().at("tp").tensor().equal(before));
            CHECK(joint.state().at("tp").tensor().equal(before * 2));
            CHECK(more.state().at("tp").tensor().sum().item<std::int64_t>() ==
                  before.sum().item<std::int64_t>() + 9);
        }
    }

    TEST_CASE("a rank without a batch takes part in sync") {
        Accuracy metric{{.num_classes = 5}};
        reference::TwinRanks ranks;
        metric.sync(ranks);
        CHECK(metric.compute().item<float>() == 0.0F);
    }

    TEST_CASE("Accuracy counted in inference mode can be counted on outside of it") {
        Accuracy metric{{.num_classes = 5, .average = Average::macro}};
        {
            const c10::InferenceMode guard;
            metric.update(reference::scores({24, 5}), reference::targets({24}, 5));
        }
        metric.update(reference::scores({9, 5}, 1).requires_grad_(), reference::targets({9}, 5, 1));
        CHECK(reference::distance(metric.compute(), std::vector<double>{0.21282051503658295}) <= tolerance);
        CHECK_FALSE(metric.compute().requires_grad());
        metric.reset();
        CHECK(metric.compute().item<float>() == 0.0F);
    }

    TEST_CASE("an empty batch counts nothing") {
        Accuracy metric{{.num_classes = 5, .average = Average::none}};
        CHECK(metric(torch::zeros({0, 5}), torch::zeros({0}, torch::kInt64)).sum().item<float>() == 0.0F);
    }

    TEST_CASE("Accuracy refuses settings and batches that cannot be meant, and says what it found") {
        CHECK_THROWS_WITH_AS(Accuracy{{}}, doctest::Contains("num_classes = 0, expected at least 2"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS((Accuracy{{.num_classes = 3, .top_k = 4}}),
                             doctest::Contains("top_k = 4, expected 1 to"), lit::ConfigError);
        Accuracy metric{{.num_classes = 3}};
        const auto labels = torch::tensor({0, 1, 2, 1});
        const auto refuses = [&](const at::Tensor& preds, const at::Tensor& target, const char* part) {
            CAPTURE(part);
            CHECK_THROWS_WITH_AS(metric.update(preds, target), doctest::Contains(part), lit::DataError);
        };
        refuses(torch::zeros({4, 5}), labels, "Found preds Float[4, 5], target Long[4]");
        refuses(torch::zeros({3, 3}), labels, "the shapes or types do not fit");
        refuses(torch::zeros({4}), labels, "the shapes or types do not fit");
        refuses(labels.narrow(0, 0, 3), labels, "the shapes or types do not fit");
        refuses(torch::zeros({4, 3}), torch::zeros({4}), "target does not hold class numbers");
        refuses(torch::zeros({4, 3}), torch::tensor({0, 1, 3, 1}),
                "target 3, prediction 0 at place 2 of the batch");
        refuses(torch::tensor({0, -1, 2, 1}), labels, "target 1, prediction -1 at place 1");
        refuses({}, labels, "undefined tensor");
        Accuracy best{{.num_classes = 3, .top_k = 2}};
        CHECK_THROWS_WITH_AS(best.update(labels, labels),
                             doctest::Contains("needs the scores of all classes"), lit::DataError);
        CHECK(metric.compute().item<float>() == 0.0F);
    }
}

}  // namespace
