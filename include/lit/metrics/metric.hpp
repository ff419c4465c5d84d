// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <type_traits>

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
