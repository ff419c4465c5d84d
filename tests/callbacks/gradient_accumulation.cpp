// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>

#include <cstdint>
#include <type_traits>

static_assert(lit::CallbackPolicy<lit::GradientAccumulation>);
static_assert(!std::is_polymorphic_v<lit::GradientAccumulation>);
static_assert(sizeof(lit::GradientAccumulation) == sizeof(std::int64_t));

TEST_SUITE("callbacks/gradient_accumulation") {
    TEST_CASE("a number below 1 is refused where it is given") {
        CHECK(lit::GradientAccumulation{4}.accumulate_grad_batches() == 4);
        CHECK(lit::GradientAccumulation{1}.accumulate_grad_batches() == 1);
        CHECK_THROWS_WITH_AS(lit::GradientAccumulation{0},
                             "GradientAccumulation: found 0, expected 1 or more batches.", lit::ConfigError);
    }
}
