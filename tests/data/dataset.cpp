// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/dataset.hpp>

#include <memory>
#include <vector>

namespace {

/// Counts what it is asked for; has no way of its own for ranges.
struct Echo {
    [[nodiscard]] static std::int64_t size() { return 9; }
    [[nodiscard]] static std::vector<std::int64_t> get_batch(lit::Indices indices) {
        return {indices.begin(), indices.end()};
    }
};
struct Changing {
    [[nodiscard]] static std::int64_t size() { return 1; }
    int get_batch(lit::Indices /*indices*/) { return ++calls; }
    int calls = 0;
};

static_assert(lit::DatasetPolicy<Echo> && !lit::GathersRanges<Echo>);
static_assert(!lit::DatasetPolicy<Changing>, "get_batch is const: threads share the dataset");
static_assert(!lit::DatasetPolicy<std::vector<int>> && lit::KnowsItsSize<std::vector<int>>);

}  // namespace

TEST_SUITE("data/dataset") {
    TEST_CASE("a range is gathered by indices where the dataset has no quicker way") {
        CHECK(lit::get_range(Echo{}, 3, 6) == std::vector<std::int64_t>{3, 4, 5});
        CHECK(lit::get_range(Echo{}, 3, 3).empty());
    }
}
