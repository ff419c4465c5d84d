// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/metric.hpp>

#include <type_traits>

namespace {

/// The least that a user's own metric has to have.
struct Counter {
    void update(const at::Tensor& batch) { seen += batch.size(0); }
    at::Tensor forward(const at::Tensor& batch) {
        update(batch);
        return torch::tensor(static_cast<double>(batch.size(0)));
    }
    at::Tensor compute() const { return torch::tensor(static_cast<double>(seen)); }
    void reset() { seen = 0; }
    lit::Dict state() const { return {{"seen", seen}}; }
    void load_state(const lit::Dict& state) { seen = state.at("seen").to_int(); }
    void sync(lit::CollectivePolicy auto& collective) {
        seen = collective.all_reduce(torch::tensor(seen), lit::ReduceOp::sum).template item<std::int64_t>();
    }
    std::int64_t seen = 0;
};
struct WithoutReset {
    at::Tensor compute() const { return {}; }
};

static_assert(lit::MetricPolicy<Counter>);
static_assert(lit::MetricOf<Counter, at::Tensor>);
static_assert(!lit::MetricOf<Counter, at::Tensor, at::Tensor>);
static_assert(!lit::MetricPolicy<WithoutReset>);
static_assert(lit::MetricPolicy<lit::NullMetric> && std::is_empty_v<lit::NullMetric>);

TEST_SUITE("metrics/metric") {
    TEST_CASE("the null metric has no value") {
        lit::NullMetric metric;
        metric.update(torch::ones({2}));
        CHECK_FALSE(metric.compute().defined());
    }
    TEST_CASE("a user's metric needs no base class") {
        Counter metric;
        metric.update(torch::ones({3}));
        lit::SingleProcess alone;
        metric.sync(alone);
        Counter other;
        other.load_state(metric.state());
        CHECK(other.compute().item<double>() == 3.0);
    }
}

}  // namespace
