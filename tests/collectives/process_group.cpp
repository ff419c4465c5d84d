// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/collectives/process_group.hpp>

#include "collectives/thread_ranks.hpp"

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::ProcessGroupCollective;
using lit::ReduceOp;
using lit::testing::has;
using lit::testing::message_of;
using lit::testing::rethrow_first;
using lit::testing::run_thread_ranks;

static_assert(lit::CollectivePolicy<ProcessGroupCollective>);
static_assert(lit::CollectivePolicy<const ProcessGroupCollective&>);
static_assert(!std::is_polymorphic_v<ProcessGroupCollective>);

}  // namespace

TEST_SUITE("collectives/process_group") {
    TEST_CASE("one that was default-made agrees with itself") {
        const ProcessGroupCollective alone;
        CHECK(alone.rank() == 0);
        CHECK(alone.world_size() == 1);
        CHECK(alone.all_reduce(torch::ones({2}), ReduceOp::sum).sum().item<double>() == 2.0);
        CHECK(alone.all_gather(torch::ones({2})).sizes() == torch::IntArrayRef({1, 2}));
        CHECK(alone.broadcast(std::string("a"), 0) == "a");
        alone.barrier();
    }

    TEST_CASE("all_reduce gives every rank the same sum, mean, minimum or maximum") {
        struct Row {
            ReduceOp op;
            double expected;
        };
        for (const std::int64_t world_size : {2, 3}) {
            rethrow_first(run_thread_ranks(world_size, [&](ProcessGroupCollective& ranks) {
                const auto n = static_cast<double>(world_size);
                for (const Row& row : {Row{ReduceOp::sum, n * (n + 1) / 2}, Row{ReduceOp::mean, (n + 1) / 2},
                                       Row{ReduceOp::minimum, 1.0}, Row{ReduceOp::maximum, n}}) {
                    for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16}) {
                        const auto mine = torch::full({2, 3}, static_cast<double>(ranks.rank() + 1), type);
                        const auto all = ranks.all_reduce(mine, row.op);
                        CHECK(all.sizes() == mine.sizes());
                        CHECK((all.scalar_type() == type));
                        CHECK(all.to(torch::kDouble).eq(row.expected).all().item<bool>());
                        CHECK(mine.eq(static_cast<double>(ranks.rank() + 1)).all().item<bool>());
                    }
                }
            }));
        }
    }

    TEST_CASE("all_reduce takes scalars, whole numbers, views and tensors with gradients") {
        rethrow_first(run_thread_ranks(2, [](ProcessGroupCollective& ranks) {
            const auto rank = ranks.rank();
            CHECK(ranks.all_reduce(torch::scalar_tensor(rank, torch::kLong), ReduceOp::sum)
                      .item<std::int64_t>() == 1);
            // 1 of 2 rounds towards zero, as in Lightning.
            CHECK(ranks.all_reduce(torch::scalar_tensor(rank, torch::kLong), ReduceOp::mean)
                      .item<std::int64_t>() == 0);
            CHECK(ranks.all_reduce(torch::scalar_tensor(-3 * rank, torch::kLong), ReduceOp::mean)
                      .item<std::int64_t>() == -1);
            const std::int64_t large = (std::int64_t{1} << 40) + 1;  // float32 has no such number
            CHECK(ranks.all_reduce(torch::scalar_tensor(large, torch::kLong), ReduceOp::mean)
                      .item<std::int64_t>() == large);
            CHECK(ranks.all_reduce(torch::full({}, rank == 1, torch::kBool), ReduceOp::mean).item<bool>());
            const auto base = torch::arange(6, torch::kFloat).reshape({2, 3});
            const auto view = ranks.all_reduce(base.t(), ReduceOp::sum);
            CHECK(view.equal(2 * base.t()));
            const auto leaf = torch::ones({2}, torch::requires_grad());
            const auto sum = ranks.all_reduce(leaf, ReduceOp::sum);
            CHECK_FALSE(sum.requires_grad());
            CHECK(leaf.eq(1).all().item<bool>());
        }));
    }

    TEST_CASE("all_gather puts the ranks in front") {
        rethrow_first(run_thread_ranks(3, [](ProcessGroupCollective& ranks) {
            const auto all = ranks.all_gather(torch::full({2, 2}, ranks.rank(), torch::kLong));
            CHECK(all.sizes() == torch::IntArrayRef({3, 2, 2}));
            for (std::int64_t rank = 0; rank < 3; ++rank) {
                CHECK(all[rank].eq(rank).all().item<bool>());
            }
            CHECK(ranks.all_gather(torch::scalar_tensor(1.0 + static_cast<double>(ranks.rank())))
                      .sum()
                      .item<double>() == 6.0);
        }));
    }

    TEST_CASE("broadcast sends tensors and strings of any rank") {
        rethrow_first(run_thread_ranks(3, [](ProcessGroupCollective& ranks) {
            for (std::int64_t root = 0; root < 3; ++root) {
                const auto mine = torch::full({4}, static_cast<double>(ranks.rank()));
                CHECK(ranks.broadcast(mine, root).eq(static_cast<double>(root)).all().item<bool>());
                CHECK(mine.eq(static_cast<double>(ranks.rank())).all().item<bool>());
                for (const std::string& text : {std::string("a path/mit Umlaut \xc3\xa4"), std::string(),
                                                std::string(100'000, 'x'), std::string("\0x", 2)}) {
                    CHECK(ranks.broadcast(ranks.rank() == root ? text : "mine, of another length", root) ==
                          text);
                }
            }
        }));
    }

    TEST_CASE("a mistake of one's own is not said to be another process's") {
        rethrow_first(run_thread_ranks(2, [](ProcessGroupCollective& ranks) {
            std::string text;
            try {
                static_cast<void>(ranks.all_reduce(torch::zeros({2}, torch::kShort), ReduceOp::sum));
            } catch (const lit::DistributedError& error) {
                text = error.what();
            }
            CHECK(has(text, "all_reduce failed on rank"));
            CHECK(!has(text, "Another process"));
        }));
    }

    TEST_CASE("barrier waits for all ranks") {
        using Clock = std::chrono::steady_clock;
        Clock::time_point last_came;
        std::vector<Clock::time_point> left(2);
        rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
            if (ranks.rank() == 1) {
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
                last_came = Clock::now();
            }
            ranks.barrier();
            left[static_cast<std::size_t>(ranks.rank())] = Clock::now();
        }));
        CHECK(left[0] >= last_came);
        CHECK(left[1] >= last_came);
    }

    TEST_CASE("ranks that are threads of one process share nothing in a barrier") {
        rethrow_first(run_thread_ranks(4, [](ProcessGroupCollective& ranks) {
            for (int times = 0; times < 1000; ++times) {
                ranks.barrier();
            }
        }));
    }

    TEST_CASE("a rank that is gone is told by name of the operation, at once") {
        const auto start = std::chrono::steady_clock::now();
        const auto errors = run_thread_ranks(2, [](ProcessGroupCollective& ranks) {
            ranks.barrier();
            if (ranks.rank() == 1) {
                throw std::runtime_error("rank 1 has had enough");
            }
            static_cast<void>(ranks.all_reduce(torch::ones({1000}), ReduceOp::mean));
        });
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes(1));  // of a time-out of 30
        const std::string text = message_of(errors[0]);
        CHECK(has(text, "ProcessGroupCollective: all_reduce failed on rank 0 of 2"));
        CHECK(has(text, "onnection"));
        CHECK(has(text, "first error"));
        CHECK_FALSE(has(text, "frame #"));
    }

    TEST_CASE("a rank that does not answer is given up after the time-out") {
        std::promise<void> given_up;
        const auto errors = run_thread_ranks(
            2,
            [&](ProcessGroupCollective& ranks) {
                ranks.barrier();
                if (ranks.rank() == 1) {
                    given_up.get_future().wait_for(std::chrono::seconds(30));
                    return;
                }
                try {
                    static_cast<void>(ranks.all_gather(torch::ones({3})));
                } catch (const lit::DistributedError&) {
                    given_up.set_value();
                    throw;
                }
                given_up.set_value();
            },
            {.timeout = std::chrono::milliseconds(1500)});
        const std::string text = message_of(errors[0]);
        CHECK(has(text, "all_gather failed on rank 0 of 2"));
        CHECK(has(text, "within 1500 ms"));
    }

    TEST_CASE("meeting alone ends after the time-out") {
        const auto store = c10::make_intrusive<c10d::HashStore>();
        CHECK_THROWS_WITH_AS(ProcessGroupCollective(store, 0, 2, {.timeout = std::chrono::milliseconds(200)}),
                             doctest::Contains("joining the group failed on rank 0 of 2"),
                             lit::DistributedError);
    }

    TEST_CASE("an environment in which nobody listens is a DistributedError that says where") {
        lit::ClusterEnvironment environment{.rank = 1, .world_size = 2, .local_rank = 1};
        environment.master_addr = "127.0.0.1";
        environment.master_port = 1;
        std::string text;
        try {
            static_cast<void>(
                ProcessGroupCollective::join(environment, {.timeout = std::chrono::milliseconds(200)}));
        } catch (const lit::DistributedError& error) {
            text = error.what();
        }
        CAPTURE(text);
        CHECK(has(text, "meeting at 127.0.0.1:1 failed on rank 1 of 2"));
        CHECK_FALSE(has(text, "frame #"));
    }

    TEST_CASE("impossible settings are refused") {
        const auto store = c10::make_intrusive<c10d::HashStore>();
        CHECK_THROWS_AS(ProcessGroupCollective(store, 2, 2), lit::ConfigError);
        CHECK_THROWS_AS(ProcessGroupCollective(store, 0, 0), lit::ConfigError);
        CHECK_THROWS_WITH_AS(ProcessGroupCollective(store, 0, 1, {.timeout = std::chrono::milliseconds(0)}),
                             doctest::Contains("timeout = 0 ms"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(static_cast<void>(ProcessGroupCollective().broadcast(std::string("a"), 1)),
                             doctest::Contains("from rank 1"), lit::ConfigError);
    }
}
