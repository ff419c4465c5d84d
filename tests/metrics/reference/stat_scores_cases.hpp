// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "metrics/reference/batches.hpp"
#include "support/doctest.hpp"

#include <lit/metrics/stat_scores.hpp>

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

/// What every metric that counts hits and misses per class is put to; the numbers are the metric's own.
namespace reference {

/// What torchmetrics gave for the second of two batches, and for both.
struct TwoBatches {
    lit::Average average;
    std::int64_t top_k;
    std::optional<std::int64_t> ignore_index;
    std::vector<double> second_batch;
    std::vector<double> all;
};
template <class Metric>
void check_two_batches(const std::vector<TwoBatches>& rows) {
    for (const TwoBatches& row : rows) {
        CAPTURE(static_cast<int>(row.average));
        CAPTURE(row.top_k);
        CAPTURE(row.ignore_index.value_or(-99));
        Metric metric{
            {.num_classes = 5, .top_k = row.top_k, .average = row.average, .ignore_index = row.ignore_index}};
        const auto second = two_batches(metric, 5);
        CHECK(distance(second, row.second_batch) <= tolerance);
        CHECK(distance(metric.compute(), row.all) <= tolerance);
    }
}

/// What it gave where every fifth target is -1, the ignored one.
struct Ignored {
    lit::Average average;
    std::int64_t top_k;
    std::vector<double> value;
};
template <class Metric>
void check_ignored(const std::vector<Ignored>& rows) {
    auto target = targets({24}, 5);
    for (std::int64_t i = 0; i < 24; i += 5) {
        target[i] = -1;
    }
    for (const Ignored& row : rows) {
        CAPTURE(static_cast<int>(row.average));
        CAPTURE(row.top_k);
        Metric metric{{.num_classes = 5, .top_k = row.top_k, .average = row.average, .ignore_index = -1}};
        metric.update(scores({24, 5}), target);
        CHECK(distance(metric.compute(), row.value) <= tolerance);
    }
}

/// What it gave for labels in place of scores, for positions of an image, and where classes are absent.
struct OtherInputs {
    double labels;
    double image;
    double absent_macro;
    double absent_weighted;
};
template <class Metric>
void check_other_inputs(const OtherInputs& wanted) {
    const auto is = [](const Metric& metric, double value) {
        return distance(metric.compute(), std::vector<double>{value}) <= tolerance;
    };
    Metric labels{{.num_classes = 5, .average = lit::Average::macro}};
    two_batches(labels, 5, true);
    CHECK(is(labels, wanted.labels));

    Metric image{{.num_classes = 5, .average = lit::Average::macro}};
    image.update(scores({2, 5, 3, 4}), targets({2, 3, 4}, 5));
    image.update(scores({3, 5, 2, 2}, 1), targets({3, 2, 2}, 5, 1));
    CHECK(is(image, wanted.image));

    const auto preds = torch::tensor({0, 1, 1, 2});
    const auto target = torch::tensor({0, 1, 2, 2});
    Metric macro{{.num_classes = 7, .average = lit::Average::macro}};
    macro.update(preds, target);
    CHECK(is(macro, wanted.absent_macro));
    Metric weighted{{.num_classes = 7, .average = lit::Average::weighted}};
    weighted.update(preds, target);
    CHECK(is(weighted, wanted.absent_weighted));
}

}  // namespace reference
