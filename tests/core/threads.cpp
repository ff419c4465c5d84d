// SPDX-License-Identifier: Apache-2.0
#include <lit/core/threads.hpp>

#include "support/doctest.hpp"
#include "support/threads.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

namespace threads = lit::detail::threads;
using lit::testing::Threads;

}  // namespace

TEST_SUITE("core/threads") {
    TEST_CASE("small work is one part, large work as many as there are threads, and none too small") {
        const Threads four(4);
        CHECK(threads::parts_of(0) == 1);
        CHECK(threads::parts_of(500'000) == 1);
        CHECK(threads::parts_of(800'000) == 3);
        CHECK(threads::parts_of(100'000'000) == 4);
        const Threads one(1);
        CHECK(threads::parts_of(100'000'000) == 1);
    }

    TEST_CASE("the parts are the whole, without a gap, and begin at steps") {
        const Threads four(4);
        for (const std::int64_t count : {0, 1, 5, 6, 7, 96, 97, 101}) {
            for (const std::int64_t step : {1, 6, 8}) {
                for (const std::int64_t parts : {1, 2, 3, 4, 9}) {
                    CAPTURE(count);
                    CAPTURE(step);
                    CAPTURE(parts);
                    std::vector<int> done(static_cast<std::size_t>(count));
                    std::vector<int> called(static_cast<std::size_t>(parts));
                    threads::in_parts(parts, count, step, [&](auto begin, auto end, auto part) {
                        ++called[static_cast<std::size_t>(part)];
                        if (begin % step != 0) {
                            throw std::logic_error("a part that begins between steps");
                        }
                        for (std::int64_t i = begin; i < end; ++i) {
                            ++done[static_cast<std::size_t>(i)];
                        }
                    });
                    CHECK(std::ranges::count(done, 1) == count);
                    CHECK(std::ranges::max(called) <= 1);  // the memory of a part is its own
                }
            }
        }
    }

    TEST_CASE("parts run in ATen's threads at once; from inside of one they run there") {
        const Threads three(3);
        std::vector<std::thread::id> who(3);
        threads::at_once(3, [&](std::int64_t part) {
            who[static_cast<std::size_t>(part)] = std::this_thread::get_id();
            threads::at_once(2, [&](std::int64_t /*part*/) {
                if (std::this_thread::get_id() != who[static_cast<std::size_t>(part)]) {
                    throw std::logic_error("another thread");
                }
            });
        });
        CHECK(std::set(who.begin(), who.end()).size() == 3);
    }

    TEST_CASE("an exception of a part arrives") {
        const Threads three(3);
        CHECK_THROWS_WITH_AS(threads::at_once(3,
                                              [](std::int64_t part) {
                                                  if (part == 2) {
                                                      throw std::runtime_error("the last one");
                                                  }
                                              }),
                             "the last one", std::runtime_error);
    }
}
