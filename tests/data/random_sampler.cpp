// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/random_sampler.hpp>

#include <vector>

TEST_SUITE("data/random_sampler") {
    TEST_CASE("the random sampler's order is a function of seed and epoch") {
        // Python, torch 2.11.0: torch.randperm(8, generator=torch.Generator().manual_seed(12))
        const std::vector<std::int64_t> python{3, 1, 6, 5, 0, 7, 4, 2};
        CHECK(lit::RandomSampler{8, 12}.indices(0) == python);
        CHECK(lit::RandomSampler{8, 10}.indices(2) == python);
        CHECK(lit::RandomSampler{8, 10}.indices(1) != python);
    }
}
