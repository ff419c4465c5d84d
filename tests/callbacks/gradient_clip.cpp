// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/gradient_clip.hpp>

#include <cmath>
#include <type_traits>

static_assert(lit::CallbackPolicy<lit::GradientClip>);
static_assert(!std::is_polymorphic_v<lit::GradientClip>);

TEST_SUITE("callbacks/gradient_clip") {
    TEST_CASE("holds Lightning's two arguments, and refuses nan") {
        const lit::GradientClip by_value{0.5, lit::ClipAlgorithm::value};
        CHECK(by_value.clip_val() == 0.5);
        CHECK((by_value.algorithm() == lit::ClipAlgorithm::value));
        CHECK((lit::GradientClip{1.0}.algorithm() == lit::ClipAlgorithm::norm));
        CHECK_THROWS_AS(lit::GradientClip{std::nan("")}, lit::ConfigError);
    }
}
