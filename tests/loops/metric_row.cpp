// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/metric_row.hpp>

#include "support/doctest.hpp"

#include <lit/core/metric_names.hpp>

TEST_SUITE("loops/metric_row") {
    TEST_CASE("a name stands once in a row, where it came first and with the value that came last") {
        const lit::MetricId loss = lit::MetricNames::intern("metric_row_loss");
        const lit::MetricId rate = lit::MetricNames::intern("metric_row_rate");
        lit::detail::MetricRow row;
        CHECK(row.empty());
        row.add(loss, 1.0);
        row.add(rate, 0.1);
        row.add(loss, 2.0);
        REQUIRE(row.scalars().size() == 2);
        CHECK(row.scalars()[0].name == "metric_row_loss");
        CHECK(row.scalars()[0].value == 2.0);
        CHECK(row.scalars()[1].name == "metric_row_rate");
        row.clear();
        CHECK(row.empty());
    }
}
