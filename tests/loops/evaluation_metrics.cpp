// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/evaluation_metrics.hpp>

#include "support/doctest.hpp"

#include <lit/core/metric_names.hpp>

#include <vector>

TEST_SUITE("loops/evaluation_metrics") {
    TEST_CASE("what is added belongs to the loader at hand, what is added to all to those that were begun") {
        const lit::MetricId loss = lit::MetricNames::intern("evaluation_metrics_loss");
        const lit::MetricId total = lit::MetricNames::intern("evaluation_metrics_total");
        lit::detail::EvaluationMetrics metrics;
        metrics.begin_loader();
        metrics.add(loss, 1.0);
        metrics.begin_loader();
        metrics.add(loss, 2.0);
        metrics.add_to_all_loaders(total, 3.0);
        CHECK(metrics.logged().value("evaluation_metrics_loss") == 2.0);
        CHECK(metrics.logged().value("evaluation_metrics_total") == 3.0);

        const std::vector<lit::Metrics> expected{{{"evaluation_metrics_loss", 1.0}, {"evaluation_metrics_total", 3.0}},
                                                 {{"evaluation_metrics_loss", 2.0}, {"evaluation_metrics_total", 3.0}}};
        CHECK(metrics.take_loaders() == expected);
        CHECK(metrics.take_loaders().empty());
        metrics.clear();
        CHECK(metrics.logged().empty());
    }
}
