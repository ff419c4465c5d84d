// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/loops/evaluation_metrics.hpp>

#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE void EvaluationMetrics::clear() {
    logged_.clear();
    loaders_.clear();
}

LIT_INLINE void EvaluationMetrics::begin_loader() { loaders_.emplace_back(); }

LIT_INLINE void EvaluationMetrics::add(MetricId id, const Number& number) {
    logged_.set(id, number);
    loaders_.back().insert_or_assign(MetricNames::name(id), number.value());
}

LIT_INLINE void EvaluationMetrics::add_to_all_loaders(MetricId id, const Number& number) {
    logged_.set(id, number);
    for (Metrics& metrics : loaders_) {
        metrics.insert_or_assign(MetricNames::name(id), number.value());
    }
}

LIT_INLINE std::vector<Metrics> EvaluationMetrics::take_loaders() { return std::exchange(loaders_, {}); }

}  // namespace lit::detail
