// SPDX-License-Identifier: Apache-2.0
#include <lit/tuner/lr_find_result.hpp>

#include "support/doctest.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace {

lit::LRFindResult curve(std::vector<double> lr, std::vector<double> loss) {
    lit::LRFindResult result;
    result.results = {std::move(lr), std::move(loss)};
    return result;
}

}  // namespace

TEST_SUITE("tuner/lr_find_result") {
    TEST_CASE("the suggestion is where the loss falls fastest per unit of learning rate") {
        const auto result = curve({0.1, 0.2, 0.3, 0.4, 0.5}, {5.0, 4.5, 3.0, 2.8, 2.9});
        // Second-order differences over equal steps of 0.1: -5, -10, -8.5, -0.5, 1.
        CHECK(result.suggestion(0, 0) == 0.2);
        CHECK(result.suggested_index(0, 0) == 1U);
        CHECK(result.suggestion(2, 0) == 0.3);
        CHECK(result.suggestion(2, 1) == 0.3);
    }

    TEST_CASE("losses that are not finite do not count, and fewer than two points suggest nothing") {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        const double huge = 1e300;  // infinite in single precision, in which the slope is computed
        CHECK(curve({0.1, 0.2, 0.3, 0.4}, {5.0, nan, 3.0, 2.9}).suggestion(0, 0) == 0.1);
        CHECK(curve({0.1, 0.2, 0.3, 0.4}, {5.0, 4.0, huge, 1.0}).suggested_index(0, 0) == 3U);
        CHECK(!curve({0.1, 0.2}, {5.0, nan}).suggestion(0, 0).has_value());
        CHECK(!curve({0.1, 0.2, 0.3}, {5.0, 4.0, 3.0}).suggestion().has_value());
        CHECK(!curve({}, {}).suggestion().has_value());
        CHECK_THROWS_AS(static_cast<void>(curve({}, {}).suggestion(-1)), lit::ConfigError);
    }

    TEST_CASE("points and csv are for programs that draw") {
        const auto result = curve({1e-8, 0.1}, {2.5, 1.0 / 3.0});
        CHECK(result.points().size() == 2);
        CHECK(result.points()[1].first == 0.1);
        CHECK(result.csv() == "lr,loss\n1e-08,2.5\n0.1,0.3333333333333333\n");
    }
}
