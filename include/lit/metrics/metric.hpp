// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/value.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace lit {

template <class M>
concept ComputesMetric = requires(M& m) {
    { m.compute() } -> std::same_as<at::Tensor>;
};
template <class M>
concept ResetsMetric = requires(M& m) {
    m.reset();
};
template <class M>
concept SavesMetricState = requires(M& m, const M& saved, const Dict& state) {
    { saved.state() } -> std::same_as<Dict>;
    m.load_state(state);
};
template <class M>
concept SyncsMetric = requires(M& m, SingleProcess& collective) {
    m.sync(collective);
};

/// Gathers what is needed for a number over many batches, and tells the number.
///
/// update(...)     takes a batch; the state lives on the device of the first one, and the host does not wait
/// for it. forward(...)    update(...), and the value of this batch alone. `metric(...)` is the same.
/// compute()       the value over everything since reset(), on the state's device; the state stays as it is.
/// reset()         forgets everything.
/// sync(c)         makes the state of every rank the joint one; all ranks call it, also those without a
/// batch. A metric
///                 is a value: to go on counting afterwards, sync a copy.
/// state()         named tensors, copies; load_state(d): the same again, and CheckpointError where shapes do
/// not fit. Errors  ConfigError on construction; DataError for batches of the wrong shape, type or labels.
/// What only the
///         device can see (a label out of range on a GPU) is told by the next compute(), state() or sync().
/// Models  NullMetric, MeanMetric, Accuracy, F1Score, ConfusionMatrix. Names and results are those of
/// torchmetrics.
template <class M>
concept MetricPolicy =
    std::copyable<M> && ComputesMetric<M> && ResetsMetric<M> && SavesMetricState<M> && SyncsMetric<M>;

/// A metric whose update() and forward() take these arguments.
template <class M, class... Arguments>
concept MetricOf = MetricPolicy<M> && requires(M& m, Arguments... arguments) {
    m.update(arguments...);
    { m.forward(arguments...) } -> std::same_as<at::Tensor>;
};

/// Several metrics, each with a name that was interned: calls `f(id, metric)` for each.
template <class C>
concept NamesItsMetrics = requires(C& c) { c.for_each_metric([](MetricId, auto& /*metric*/) {}); };

/// Remembers what its last forward() returned, so that `log(metric)` can publish the batch's value: `batch_value()`,
/// undefined before the first forward() and after reset().
template <class M>
concept RemembersBatchValue = requires(const M& m) {
    { m.batch_value() } -> std::convertible_to<const at::Tensor&>;
};

namespace detail {

/// Two ranks of which one has spoken already: what it said is kept by the first call of `sync`, and answered to the second.
struct KeptRank {
    std::vector<at::Tensor> said;
    std::size_t answered = 0;
    bool speaks = true;

    [[nodiscard]] std::int64_t rank() const { return speaks ? 0 : 1; }
    [[nodiscard]] static constexpr std::int64_t world_size() { return 2; }
    [[nodiscard]] at::Tensor all_reduce(at::Tensor value, ReduceOp op) {
        if (speaks) {
            return said.emplace_back(value.clone());
        }
        const at::Tensor other = said.at(answered++).to(value.device());
        switch (op) {
            case ReduceOp::minimum:
                return at::minimum(other, value);
            case ReduceOp::maximum:
                return at::maximum(other, value);
            case ReduceOp::mean:
                return (other + value) / 2;
            default:
                return other + value;
        }
    }
    [[nodiscard]] at::Tensor all_gather(const at::Tensor& value) {
        if (speaks) {
            said.push_back(value.clone());
            return at::stack({value, value});
        }
        return at::stack({said.at(answered++).to(value.device()), value});
    }
    [[nodiscard]] static at::Tensor broadcast(at::Tensor value, std::int64_t /*root*/) { return value; }
    [[nodiscard]] static std::string broadcast(std::string value, std::int64_t /*root*/) { return value; }
    static void barrier() {}
};
static_assert(CollectivePolicy<KeptRank>);

/// Adds a saved state to a metric that has gone on since: what two ranks do at an epoch's end.
template <class M>
void merge_metric(M& metric, const Dict& state) {
    M saved = metric;
    saved.reset();
    saved.load_state(state);
    KeptRank ranks;
    saved.sync(ranks);
    ranks.speaks = false;
    metric.sync(ranks);
}

/// A metric as the results of a loop hold it. With several ranks a copy of the handles is synchronised, so that the
/// object's own state stays its rank's.
template <class M>
[[nodiscard]] MetricRef metric_ref(M& metric) {
    return {&metric,
            [](void* object, CollectiveRef* ranks) -> at::Tensor {
                M& own = *static_cast<M*>(object);
                if (ranks == nullptr) {
                    return own.compute();
                }
                M joint = own;
                joint.sync(*ranks);
                return joint.compute();
            },
            [](void* object) { static_cast<M*>(object)->reset(); },
            [](const void* object) { return static_cast<const M*>(object)->state(); },
            [](void* object, const Dict& state) { merge_metric(*static_cast<M*>(object), state); }};
}
template <class M>
[[nodiscard]] at::Tensor batch_value(const M& metric) {
    if constexpr (RemembersBatchValue<M>) {
        return metric.batch_value();
    } else {
        return {};
    }
}
/// Whether the metric's type says that its value is no single number.
template <class M>
inline constexpr bool is_one_number = true;
template <class M>
    requires requires { M::is_one_number; }
inline constexpr bool is_one_number<M> = M::is_one_number;

}  // namespace detail

/// Counts nothing; its value is an undefined tensor.
struct NullMetric {
    static void update(const auto&... /*batch*/) {}
    static at::Tensor forward(const auto&... /*batch*/) { return {}; }
    [[nodiscard]] static at::Tensor compute() { return {}; }
    static void reset() {}
    [[nodiscard]] static Dict state() { return {}; }
    static void load_state(const Dict& /*state*/) {}
    static void sync(CollectivePolicy auto& /*collective*/) {}
};
static_assert(MetricOf<NullMetric, at::Tensor, at::Tensor>);
static_assert(std::is_empty_v<NullMetric>);

}  // namespace lit
