// SPDX-License-Identifier: Apache-2.0
#include "metrics/reference/batches.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/mean.hpp>

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::MeanMetric;
using lit::NanStrategy;

static_assert(lit::MetricOf<MeanMetric, at::Tensor>);
static_assert(!std::is_polymorphic_v<MeanMetric>);

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

TEST_SUITE("metrics/mean") {
    TEST_CASE("MeanMetric weighs its values") {
        MeanMetric metric;
        metric.update(1.0);
        metric.update(torch::tensor({2.0F, 3.0F}));
        CHECK(metric.compute().item<double>() == 2.0);
        // closed form: (1 + 2 + 3 + 4 * 10) / (3 + 4), in float32
        CHECK(metric.forward(torch::tensor(10.0F), 4.0).item<double>() == 10.0);
        CHECK(metric.compute().item<float>() == 46.0F / 7.0F);
        metric.reset();
        // weights broadcast: (1 * 1 + 2 * 3 + 3 * 1 + 4 * 3) / 8
        metric.update(torch::tensor({{1.0F, 2.0F}, {3.0F, 4.0F}}), torch::tensor({1.0F, 3.0F}));
        CHECK(metric.compute().item<double>() == 22.0 / 8.0);
        metric.reset();
        metric.update(torch::tensor({1, 2, 4}));
        CHECK(metric.compute().item<float>() == 7.0F / 3.0F);
        metric.reset();
        CHECK(std::isnan(metric.compute().item<double>()));
    }

    TEST_CASE("MeanMetric treats nan as told") {
        const auto values = torch::tensor({1.0F, nan, 3.0F});
        for (const NanStrategy strategy : {NanStrategy::warn, NanStrategy::ignore}) {
            MeanMetric metric{{.nan_strategy = strategy}};
            metric.update(values);
            metric.update(5.0, nan);
            CHECK(metric.compute().item<double>() == 2.0);
        }
        MeanMetric strict{{.nan_strategy = NanStrategy::error}};
        strict.update(values);
        CHECK_THROWS_WITH_AS((void)strict.compute(), doctest::Contains("1 values or weights were nan"),
                             lit::NonFiniteLoss);
        MeanMetric open{{.nan_strategy = NanStrategy::disable}};
        open.update(values);
        CHECK(std::isnan(open.compute().item<double>()));
    }

    TEST_CASE("MeanMetric keeps no history, syncs, saves and goes on") {
        MeanMetric metric;
        metric.update(torch::tensor({1.0F, 2.0F}, torch::requires_grad()).sum());
        CHECK_FALSE(metric.compute().requires_grad());
        metric.update(5.0, 3.0);
        reference::TwinRanks ranks;
        MeanMetric joint = metric;
        joint.sync(ranks);
        CHECK(joint.state().at("weight").tensor().item<double>() == 8.0);
        CHECK(metric.state().at("weight").tensor().item<double>() == 4.0);
        CHECK(joint.compute().item<double>() == 4.5);
        MeanMetric other;
        other.load_state(metric.state());
        other.update(9.5);
        CHECK(other.compute().item<double>() == 5.5);
        MeanMetric idle;
        idle.sync(ranks);
        CHECK(std::isnan(idle.compute().item<double>()));
    }

    TEST_CASE("MeanMetric refuses weights that do not broadcast") {
        MeanMetric metric;
        CHECK_THROWS_WITH_AS(metric.update(torch::ones({2, 3}), torch::ones({2})),
                             doctest::Contains("weight Float[2] does not broadcast to value Float[2, 3]"),
                             lit::DataError);
        CHECK_THROWS_AS(metric.update(torch::ones({3}), torch::ones({2, 3})), lit::DataError);
    }

    TEST_CASE("MeanMetric goes with a loaded state to the device of the first batch, and refuses another after that") {
        // Meta tensors stand for those of another device; nobody looks for a nan in them.
        MeanMetric saved, metric{{.nan_strategy = NanStrategy::disable}};
        saved.update(2.0);
        metric.load_state(saved.state());
        metric.update(torch::ones({2}, torch::kMeta));
        CHECK(metric.compute().is_meta());
        CHECK_THROWS_WITH_AS(metric.update(1.0), doctest::Contains("after batches on meta"), lit::DataError);
    }

    TEST_CASE("MeanMetric reduces one type on all ranks, whatever each has counted in") {
        struct Watched : reference::TwinRanks {
            std::vector<at::ScalarType>* types;
            at::Tensor all_reduce(at::Tensor value, lit::ReduceOp op) const {
                types->push_back(value.scalar_type());
                return TwinRanks::all_reduce(std::move(value), op);
            }
        };
        std::vector<at::ScalarType> types;
        Watched ranks{{}, &types};
        MeanMetric in_double, in_float, none;
        in_double.update(torch::tensor({1.0, 2.0}, torch::kDouble));
        in_float.update(torch::tensor({1.0F, 2.0F}));
        for (MeanMetric* metric : {&in_double, &in_float, &none}) {
            metric->sync(ranks);
        }
        CHECK(types == std::vector<at::ScalarType>(3, at::kDouble));
        CHECK((in_double.compute().scalar_type() == at::kDouble));
        CHECK((in_float.compute().scalar_type() == at::kFloat));
        CHECK(in_double.compute().item<double>() == 1.5);
    }
}

}  // namespace
