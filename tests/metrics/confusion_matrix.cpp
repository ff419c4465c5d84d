// SPDX-License-Identifier: Apache-2.0
#include "metrics/reference/batches.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/confusion_matrix.hpp>

#include <optional>
#include <type_traits>
#include <vector>

namespace {

using lit::ConfusionMatrix;
using lit::Normalize;

static_assert(lit::MetricOf<ConfusionMatrix, at::Tensor, at::Tensor>);
static_assert(!std::is_polymorphic_v<ConfusionMatrix>);

TEST_SUITE("metrics/confusion_matrix") {
    // Reference: tests/metrics/reference/torchmetrics_reference.py, torchmetrics 1.9.0.
    TEST_CASE("ConfusionMatrix gives torchmetrics' matrices") {
        struct Row {
            Normalize normalize;
            std::optional<std::int64_t> ignore_index;
            bool labels;
            std::vector<double> matrix;
        };
        for (const Row& row : std::vector<Row>{
                 {Normalize::none,
                  2,
                  false,
                  {0.0, 2.0, 2.0, 1.0, 3.0, 3.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 1.0, 4.0}},
                 {Normalize::none,
                  std::nullopt,
                  true,
                  {0.0, 3.0, 0.0, 2.0, 3.0, 2.0, 3.0, 3.0, 0.0, 3.0, 0.0, 3.0, 2.0, 3.0, 3.0, 3.0}},
                 {Normalize::over_true,
                  2,
                  false,
                  {0.0, 0.4000000059604645, 0.4000000059604645, 0.20000000298023224, 0.27272728085517883,
                   0.27272728085517883, 0.27272728085517883, 0.1818181872367859, 0.0, 0.0, 0.0, 0.0,
                   0.1818181872367859, 0.3636363744735718, 0.09090909361839294, 0.3636363744735718}},
                 {Normalize::over_true,
                  std::nullopt,
                  true,
                  {0.0, 0.6000000238418579, 0.0, 0.4000000059604645, 0.27272728085517883, 0.1818181872367859,
                   0.27272728085517883, 0.27272728085517883, 0.0, 0.5, 0.0, 0.5, 0.1818181872367859,
                   0.27272728085517883, 0.27272728085517883, 0.27272728085517883}},
                 {Normalize::over_pred,
                  2,
                  false,
                  {0.0, 0.2222222238779068, 0.3333333432674408, 0.1428571492433548, 0.6000000238418579,
                   0.3333333432674408, 0.5, 0.2857142984867096, 0.0, 0.0, 0.0, 0.0, 0.4000000059604645,
                   0.4444444477558136, 0.1666666716337204, 0.5714285969734192}},
                 {Normalize::over_pred,
                  std::nullopt,
                  true,
                  {0.0, 0.27272728085517883, 0.0, 0.1818181872367859, 0.6000000238418579, 0.1818181872367859,
                   0.5, 0.27272728085517883, 0.0, 0.27272728085517883, 0.0, 0.27272728085517883,
                   0.4000000059604645, 0.27272728085517883, 0.5, 0.27272728085517883}},
                 {Normalize::all,
                  2,
                  false,
                  {0.0, 0.07407407462596893, 0.07407407462596893, 0.03703703731298447, 0.1111111119389534,
                   0.1111111119389534, 0.1111111119389534, 0.07407407462596893, 0.0, 0.0, 0.0, 0.0,
                   0.07407407462596893, 0.14814814925193787, 0.03703703731298447, 0.14814814925193787}},
                 {Normalize::all,
                  std::nullopt,
                  true,
                  {0.0, 0.09090909361839294, 0.0, 0.06060606241226196, 0.09090909361839294,
                   0.06060606241226196, 0.09090909361839294, 0.09090909361839294, 0.0, 0.09090909361839294,
                   0.0, 0.09090909361839294, 0.06060606241226196, 0.09090909361839294, 0.09090909361839294,
                   0.09090909361839294}},
             }) {
            CAPTURE(static_cast<int>(row.normalize));
            CAPTURE(row.labels);
            ConfusionMatrix metric{
                {.num_classes = 4, .normalize = row.normalize, .ignore_index = row.ignore_index}};
            reference::two_batches(metric, 4, row.labels);
            const auto matrix = metric.compute();
            CHECK(matrix.dim() == 2);
            CHECK(matrix.is_floating_point() == (row.normalize != Normalize::none));
            CHECK(reference::distance(matrix, row.matrix) <= 1e-7);  // one rounding of a quotient in float32
        }
    }

    TEST_CASE("ConfusionMatrix returns the batch's matrix from forward, saves, syncs and resets") {
        ConfusionMatrix metric{{.num_classes = 3}};
        const auto first = torch::tensor({0, 1, 2, 2}), truth = torch::tensor({0, 1, 1, 2});
        CHECK(metric(first, truth).sum().item<std::int64_t>() == 4);
        CHECK(metric(first, truth).sum().item<std::int64_t>() == 4);
        const auto both = metric.compute();
        CHECK(both.sum().item<std::int64_t>() == 8);
        CHECK(both[1][2].item<std::int64_t>() == 2);

        reference::TwinRanks ranks;
        ConfusionMatrix joint = metric;
        joint.sync(ranks);
        CHECK(joint.compute().equal(both * 2));
        CHECK(metric.compute().equal(both));

        ConfusionMatrix other{{.num_classes = 3}};
        other.load_state(metric.state());
        other.update(first, truth);
        CHECK(other.compute().sum().item<std::int64_t>() == 12);
        metric.reset();
        CHECK(metric.compute().sum().item<std::int64_t>() == 0);
    }

    TEST_CASE("ConfusionMatrix refuses what Accuracy refuses") {
        CHECK_THROWS_WITH_AS(ConfusionMatrix{{}}, doctest::Contains("ConfusionMatrix: num_classes = 0"),
                             lit::ConfigError);
        ConfusionMatrix metric{{.num_classes = 3}};
        const auto labels = torch::tensor({0, 1, 2, 1});
        CHECK_THROWS_WITH_AS(metric.update(torch::tensor({0, 1, 3, 1}), labels),
                             doctest::Contains("prediction 3"), lit::DataError);
        ConfusionMatrix small{{.num_classes = 2}};
        CHECK_THROWS_AS(small.load_state(metric.state()), lit::CheckpointError);
    }
}

}  // namespace
