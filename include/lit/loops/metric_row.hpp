// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/loggers/logger.hpp>

#include <span>
#include <vector>

namespace lit::detail {

/// One row for the loggers, on the way to them.
class MetricRow {
 public:
    void clear() { scalars_.clear(); }
    /// A name that several hooks log at once is in the row once, with the value that came last.
    void add(MetricId id, const Number& number);

    [[nodiscard]] bool empty() const { return scalars_.empty(); }
    [[nodiscard]] std::span<const Scalar> scalars() const { return {scalars_.data(), scalars_.size()}; }

 private:
    std::vector<Scalar> scalars_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/metric_row.hpp>
#endif
