// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/distributed_sampler.hpp>

#include <vector>

namespace {
using Numbers = std::vector<std::int64_t>;
}

static_assert(lit::SamplerPolicy<lit::DistributedSampler>);

TEST_SUITE("data/distributed_sampler") {
    TEST_CASE("every rank has the indices that Python's DistributedSampler gives it") {
        struct Row {
            std::int64_t size, world, seed;
            bool shuffle, drop_last;
            std::int64_t epoch;
            std::vector<Numbers> expected;
        };
        // Python, torch 2.11.0: s = DistributedSampler(dataset, world, rank, shuffle, seed, drop_last);
        // s.set_epoch(e); list(s)
        const std::vector<Row> rows{
            {10, 3, 0, true, false, 0, {{4, 5, 0, 2}, {1, 3, 8, 4}, {7, 9, 6, 1}}},
            {10, 3, 0, true, false, 2, {{8, 5, 0, 3}, {7, 6, 4, 8}, {1, 9, 2, 7}}},
            {7, 2, 5, true, false, 0, {{1, 4, 6, 3}, {0, 2, 5, 1}}},
            {7, 2, 5, true, false, 2, {{5, 3, 2, 4}, {0, 1, 6, 5}}},
            {7, 2, 5, true, true, 0, {{1, 4, 6}, {0, 2, 5}}},
            {7, 2, 5, true, true, 2, {{5, 3, 2}, {0, 1, 6}}},
            {2, 5, 0, false, false, 0, {{0}, {1}, {0}, {1}, {0}}},
            {2, 5, 3, true, false, 2, {{1}, {0}, {1}, {0}, {1}}},
            {9, 4, 0, false, true, 0, {{0, 4}, {1, 5}, {2, 6}, {3, 7}}},
            {3, 4, 0, false, true, 0, {{}, {}, {}, {}}},
        };
        for (const Row& row : rows) {
            for (std::int64_t rank = 0; rank < row.world; ++rank) {
                CAPTURE(row.size);
                CAPTURE(row.epoch);
                CAPTURE(rank);
                const lit::DistributedSampler sampler{row.size,
                                                      {.rank = rank,
                                                       .world_size = row.world,
                                                       .shuffle = row.shuffle,
                                                       .seed = row.seed,
                                                       .drop_last = row.drop_last}};
                const Numbers& expected = row.expected.at(static_cast<std::size_t>(rank));
                CHECK(sampler.indices(row.epoch) == expected);
                CHECK(sampler.size() == static_cast<std::int64_t>(expected.size()));
            }
        }
    }
    TEST_CASE("without padding nothing is repeated, as in Lightning's UnrepeatedDistributedSampler") {
        // Python, lightning 2.6: s = UnrepeatedDistributedSampler(range(8), 3, rank, True, 9);
        // s.set_epoch(3); list(s)
        const std::vector<Numbers> expected{{2, 5, 6}, {4, 1, 7}, {3, 0}};
        for (std::int64_t rank = 0; rank < 3; ++rank) {
            const lit::DistributedSampler sampler{8,
                                                  {.rank = rank, .world_size = 3, .seed = 9, .pad = false}};
            CHECK(sampler.indices(3) == expected.at(static_cast<std::size_t>(rank)));
        }
        CHECK(lit::DistributedSampler(1, {.rank = 2, .world_size = 3, .pad = false}).size() == 0);
        CHECK(lit::DistributedSampler(0, {.rank = 2, .world_size = 3}).indices(0).empty());
    }
    TEST_CASE("a rank outside of the world is refused") {
        CHECK_THROWS_WITH_AS((lit::DistributedSampler{4, {.rank = 2, .world_size = 2}}),
                             doctest::Contains("rank 2 of world size 2"), lit::ConfigError);
        CHECK_THROWS_AS((lit::DistributedSampler{4, {.rank = 0, .world_size = 0}}), lit::ConfigError);
    }
}
