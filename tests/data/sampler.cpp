// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/sampler.hpp>

#include <vector>

static_assert(lit::SamplerPolicy<lit::SequentialSampler> && !lit::SamplerPolicy<int>);

TEST_SUITE("data/sampler") {
    TEST_CASE("the sequential sampler keeps the order") {
        CHECK(lit::SequentialSampler{4}.indices(3) == std::vector<std::int64_t>{0, 1, 2, 3});
        CHECK(lit::SequentialSampler{0}.indices(0).empty());
    }
}
