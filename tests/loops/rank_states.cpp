// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/rank_states.hpp>

#include "collectives/thread_ranks.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/full.h>

#include <cstdint>

TEST_SUITE("loops/rank_states") {
    TEST_CASE("one rank hears itself") {
        const lit::List all = lit::detail::gather_from_ranks(lit::SingleProcess{}, {{"rank", 0}});
        CHECK(all.size() == 1);
        CHECK(all[0].at("rank").to_int() == 0);
    }
    TEST_CASE("every rank hears all, in their order, however much each has to say") {
        constexpr std::int64_t world_size = 3;
        lit::testing::rethrow_first(lit::testing::run_thread_ranks(world_size, [](auto& ranks) {
            const std::int64_t rank = ranks.rank();
            const lit::List all = lit::detail::gather_from_ranks(
                ranks, {{"rank", rank}, {"weights", at::full({1 + 100 * rank}, static_cast<double>(rank))}});
            // doctest's assertions belong to the thread of the test.
            bool right = all.size() == world_size;
            for (std::int64_t other = 0; right && other < world_size; ++other) {
                const lit::Value& said = all[static_cast<std::size_t>(other)];
                const at::Tensor& weights = said.at("weights").tensor();
                right = said.at("rank").to_int() == other && weights.numel() == 1 + 100 * other &&
                        weights.eq(static_cast<double>(other)).all().template item<bool>();
            }
            if (!right) {
                throw std::runtime_error("rank " + std::to_string(rank) + " heard something else");
            }
        }));
    }
}
