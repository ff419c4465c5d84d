// SPDX-License-Identifier: Apache-2.0
#include "metrics/reference/stat_scores_cases.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/f1_score.hpp>

#include <optional>
#include <type_traits>
#include <vector>

namespace {

using lit::Average;
using lit::F1Score;

static_assert(lit::MetricOf<F1Score, at::Tensor, at::Tensor>);
static_assert(!std::is_polymorphic_v<F1Score>);
static_assert(!std::is_constructible_v<F1Score>, "num_classes has to be given");

TEST_SUITE("metrics/f1_score") {
    // Reference: tests/metrics/reference/torchmetrics_reference.py, torchmetrics 1.9.0.
    TEST_CASE("F1Score gives torchmetrics' values for each batch and for all of them") {
        reference::check_two_batches<F1Score>({
            {Average::micro, 1, std::nullopt, {0.3333333432674408}, {0.3030303120613098}},
            {Average::micro, 1, 1, {0.3333333432674408}, {0.2916666567325592}},
            {Average::micro, 2, std::nullopt, {0.4444444477558136}, {0.39393940567970276}},
            {Average::micro, 2, 1, {0.3333333432674408}, {0.3333333432674408}},
            {Average::macro, 1, std::nullopt, {0.25}, {0.20993661880493164}},
            {Average::macro, 1, 1, {0.190476194024086}, {0.15479877591133118}},
            {Average::macro, 2, std::nullopt, {0.34285715222358704}, {0.2753216624259949}},
            {Average::macro, 2, 1, {0.190476194024086}, {0.17309942841529846}},
            {Average::weighted, 1, std::nullopt, {0.2777777910232544}, {0.31301069259643555}},
            {Average::weighted, 1, 1, {0.190476194024086}, {0.33152735233306885}},
            {Average::weighted, 2, std::nullopt, {0.3936508297920227}, {0.4111642837524414}},
            {Average::weighted, 2, 1, {0.190476194024086}, {0.3810915946960449}},
            {Average::none,
             1,
             std::nullopt,
             {0.0, 0.5, 0.0, 0.0, 0.5},
             {0.0, 0.3529411852359772, 0.0, 0.31578946113586426, 0.380952388048172}},
            {Average::none,
             1,
             1,
             {0.0, 0.0, 0.0, 0.0, 0.5714285969734192},
             {0.0, 0.0, 0.0, 0.3529411852359772, 0.42105263471603394}},
            {Average::none,
             2,
             std::nullopt,
             {0.0, 0.800000011920929, 0.0, 0.0, 0.5714285969734192},
             {0.0, 0.5555555820465088, 0.0, 0.4000000059604645, 0.42105263471603394}},
            {Average::none,
             2,
             1,
             {0.0, 0.0, 0.0, 0.0, 0.5714285969734192},
             {0.0, 0.0, 0.0, 0.4444444477558136, 0.42105263471603394}},
        });
    }

    TEST_CASE("F1Score leaves out an ignore_index that is no class") {
        reference::check_ignored<F1Score>({
            {Average::micro, 1, {0.31578946113586426}},
            {Average::micro, 2, {0.3684210479259491}},
            {Average::macro, 1, {0.21212123334407806}},
            {Average::macro, 2, {0.2454545646905899}},
            {Average::weighted, 1, {0.3349282443523407}},
            {Average::weighted, 2, {0.38755983114242554}},
            {Average::none, 1, {0.0, 0.3636363744735718, 0.0, 0.3636363744735718, 0.3333333432674408}},
            {Average::none, 2, {0.0, 0.5, 0.0, 0.3636363744735718, 0.3636363744735718}},
        });
    }

    TEST_CASE(
        "F1Score takes labels and positions of an image, and leaves absent classes out of the macro mean") {
        reference::check_other_inputs<F1Score>({.labels = 0.2670588195323944,
                                               .image = 0.15741626918315887,
                                               .absent_macro = 0.7777777910232544,
                                               .absent_weighted = 0.75});
    }

    TEST_CASE("F1Score syncs, saves and refuses as Accuracy does") {
        F1Score metric{{.num_classes = 5, .average = Average::macro}};
        reference::two_batches(metric, 5);
        const auto before = metric.compute();
        reference::TwinRanks ranks;
        F1Score joint = metric;
        joint.sync(ranks);
        CHECK(joint.compute().equal(before));
        F1Score other{{.num_classes = 5, .average = Average::macro}};
        other.load_state(joint.state());
        CHECK(other.compute().equal(before));
        CHECK_THROWS_WITH_AS(F1Score{{}}, doctest::Contains("F1Score: num_classes = 0"), lit::ConfigError);
    }
}

}  // namespace
