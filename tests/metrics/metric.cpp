// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/metrics/metric.hpp>

#include "collectives/thread_ranks.hpp"

#include <cstdint>
#include <string>
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
    TEST_CASE("logged on several ranks, the value is the joint one and the object keeps its own count") {
        const auto errors = lit::testing::run_thread_ranks(2, [](auto& collective) {
            lit::CollectiveRef ranks(collective);
            Counter metric;
            metric.update(torch::ones({3 + collective.rank()}));
            const lit::MetricRef ref = lit::detail::metric_ref(metric);
            CHECK(ref.compute(ref.object, &ranks).template item<double>() == 7.0);
            CHECK(ref.compute(ref.object, nullptr).template item<double>() ==
                  static_cast<double>(3 + collective.rank()));
            CHECK(metric.seen == 3 + collective.rank());
            // Every call of the contract reaches the collective behind it.
            CHECK(ranks.rank() == collective.rank());
            CHECK(ranks.world_size() == 2);
            CHECK(ranks.broadcast(std::string(collective.rank() == 1 ? "one" : "zero"), 1) == "one");
            CHECK(ranks.broadcast(torch::full({1}, collective.rank()), 1).template item<std::int64_t>() == 1);
            CHECK(ranks.all_gather(torch::full({1}, collective.rank())).sum().template item<std::int64_t>() == 1);
            ranks.barrier();
            ref.reset(ref.object);
            CHECK(metric.seen == 0);
        });
        lit::testing::rethrow_first(errors);
    }
}

}  // namespace
