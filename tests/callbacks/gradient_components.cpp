// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>

#include <cmath>
#include <optional>

static_assert(lit::CallbackPolicy<std::optional<lit::GradientClip>> && !lit::CallbackPolicy<int>);
static_assert(sizeof(lit::GradientAccumulation) == sizeof(std::int64_t));

TEST_SUITE("callbacks/gradient_accumulation") {
    TEST_CASE("a number below 1 is refused where it is given") {
        CHECK(lit::GradientAccumulation{4}.accumulate_grad_batches() == 4);
        CHECK_THROWS_WITH_AS(lit::GradientAccumulation{0}, "GradientAccumulation: found 0, expected 1 or more batches.",
                             lit::ConfigError);
    }
}

TEST_SUITE("callbacks/gradient_clip") {
    TEST_CASE("holds Lightning's two arguments, and refuses nan") {
        const lit::GradientClip by_value{0.5, lit::ClipAlgorithm::value};
        CHECK(by_value.clip_val() == 0.5);
        CHECK((by_value.algorithm() == lit::ClipAlgorithm::value));
        CHECK((lit::GradientClip{1.0}.algorithm() == lit::ClipAlgorithm::norm));
        CHECK_THROWS_AS(lit::GradientClip{std::nan("")}, lit::ConfigError);
    }
}
