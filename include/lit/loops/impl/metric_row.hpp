// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loops/metric_row.hpp>

#include <algorithm>

namespace lit::detail {

LIT_INLINE void MetricRow::add(MetricId id, const Number& number) {
    const auto& name = MetricNames::name(id);
    const auto known = std::ranges::find(scalars_, name, &Scalar::name);
    if (known != scalars_.end()) {
        known->value = number.value();
    } else {
        scalars_.push_back({name, number.value()});
    }
}

}  // namespace lit::detail
