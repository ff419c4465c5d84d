// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>

#include <map>
#include <string>
#include <vector>

namespace lit {

/// The metrics of one loader of a `validate` or `test`, by name.
using Metrics = std::map<std::string, double>;

namespace detail {

/// What an evaluation comes to: for each loader, and all of it for the loggers.
class EvaluationMetrics {
 public:
    void clear();
    /// What is added from here on is of one more loader.
    void begin_loader();
    void add(MetricId id, const Number& number);
    void add_to_all_loaders(MetricId id, const Number& number);

    [[nodiscard]] const MetricTable& logged() const { return logged_; }
    [[nodiscard]] std::vector<Metrics> take_loaders();

 private:
    MetricTable logged_;
    std::vector<Metrics> loaders_;
};

}  // namespace detail
}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/evaluation_metrics.hpp>
#endif
