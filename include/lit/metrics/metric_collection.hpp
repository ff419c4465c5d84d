// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/value.hpp>
#include <lit/metrics/metric.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit {

/// A metric and its name in a collection, made of the metric: `lit::NamedMetric<"acc", lit::Accuracy>`.
template <FixedString Name, MetricPolicy Metric>
struct NamedMetric {
    static constexpr auto name = Name;
    Metric metric;

    NamedMetric(Metric given) : metric(std::move(given)) {}  // NOLINT: a metric stands where a named one is expected
};
/// The same with the type left to the compiler: `lit::named<"acc">(lit::Accuracy{{.num_classes = 10}})`.
template <FixedString Name, MetricPolicy Metric>
[[nodiscard]] NamedMetric<Name, Metric> named(Metric metric) {
    return NamedMetric<Name, Metric>(std::move(metric));
}

struct MetricCollectionOptions {
    std::string prefix{};   ///< before each name
    std::string postfix{};  ///< behind each name
};

/// Several metrics that take the same batches, each with its name; `log_dict(collection)` logs them all.
///
/// As a member: `lit::MetricCollection<lit::NamedMetric<"acc", lit::Accuracy>> train{{.prefix = "train_"},
/// lit::Accuracy{{.num_classes = 10}}};`, and `val = train.clone({.prefix = "val_"});` of its type.
/// forward(...)   like update(...), and each one's value of this batch under its whole name; compute() over everything.
/// clone(options) the same metrics as far as they have come, under other names; they go on by themselves.
/// Errors  two metrics of one name do not compile; CheckpointError from load_state for a name that is missing.
/// Cost    its names are put together once, where it is made.
/// Source  torchmetrics `MetricCollection`; each metric keeps its own state, there are no compute groups.
template <class... Named>
class MetricCollection {
 public:
    explicit MetricCollection(Named... metrics)
        requires(sizeof...(Named) > 0)
        : MetricCollection(MetricCollectionOptions{}, std::move(metrics)...) {}
    explicit MetricCollection(MetricCollectionOptions options, Named... metrics)
        : options_(std::move(options)),
          metrics_(std::move(metrics)...),
          ids_{MetricNames::intern(options_.prefix + std::string(Named::name.view()) + options_.postfix)...} {
        static_assert(names_differ(), "lit: two metrics of a MetricCollection have one name. Give each its own.");
    }

    void update(const auto&... batch) {
        for_each_metric([&](MetricId, auto& metric) { metric.update(batch...); });
    }
    Dict forward(const auto&... batch) {
        Dict values;
        for_each_metric(
            [&](MetricId id, auto& metric) { values.set(MetricNames::name(id), metric.forward(batch...)); });
        return values;
    }
    Dict operator()(const auto&... batch) { return forward(batch...); }
    [[nodiscard]] Dict compute() {
        Dict values;
        for_each_metric([&](MetricId id, auto& metric) { values.set(MetricNames::name(id), metric.compute()); });
        return values;
    }
    void reset() {
        for_each_metric([](MetricId, auto& metric) { metric.reset(); });
    }
    void sync(CollectivePolicy auto& collective) {
        for_each_metric([&](MetricId, auto& metric) { metric.sync(collective); });
    }
    /// By the metrics' own names, without prefix and postfix.
    [[nodiscard]] Dict state() const {
        Dict all;
        std::apply([&](const auto&... named) { (all.set(named.name.view(), named.metric.state()), ...); }, metrics_);
        return all;
    }
    void load_state(const Dict& state) {
        const auto load = [&](auto& named) {
            const Value* own = state.find(named.name.view());
            if (own == nullptr) {
                throw CheckpointError("MetricCollection: the state has no metric \"" + std::string(named.name.view()) +
                                      "\". It is that of another collection.");
            }
            named.metric.load_state(own->dict());
        };
        std::apply([&](auto&... named) { (load(named), ...); }, metrics_);
    }
    [[nodiscard]] MetricCollection clone(MetricCollectionOptions options) const {
        MetricCollection copy = std::apply(
            [&](const auto&... named) { return MetricCollection(std::move(options), named...); }, metrics_);
        copy.load_state(state());
        return copy;
    }

    /// Calls `f(id, metric)` for each, with the id of its whole name.
    template <class F>
    void for_each_metric(F&& f) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (f(ids_[I], std::get<I>(metrics_).metric), ...);
        }(std::index_sequence_for<Named...>{});
    }
    /// The metric of that name, without prefix and postfix.
    template <FixedString Name>
    [[nodiscard]] auto& get() {
        static_assert(((Named::name == Name) || ...), "lit: this MetricCollection has no metric of that name.");
        constexpr std::size_t index = [] {
            std::size_t at = 0;
            static_cast<void>(((Named::name == Name || (++at, false)) || ...));
            return at;
        }();
        return std::get<index>(metrics_).metric;
    }
    [[nodiscard]] static constexpr std::size_t size() { return sizeof...(Named); }

 private:
    static consteval bool names_differ() {
        const std::array<std::string_view, sizeof...(Named)> names{Named::name.view()...};
        for (std::size_t i = 0; i < names.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                if (names[i] == names[j]) {
                    return false;
                }
            }
        }
        return true;
    }

    MetricCollectionOptions options_;
    std::tuple<Named...> metrics_;
    std::array<MetricId, sizeof...(Named)> ids_;
};

static_assert(NamesItsMetrics<MetricCollection<NamedMetric<"none", NullMetric>>>);

}  // namespace lit
