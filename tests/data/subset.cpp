// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/subset.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ranges>
#include <vector>

static_assert(lit::DatasetPolicy<lit::Subset<lit::TensorDataset>>);

TEST_SUITE("data/subset") {
    TEST_CASE("a subset shows the chosen samples in the chosen order, also a subset of a subset") {
        const lit::TensorDataset numbers{at::arange(10), at::arange(10)};
        const lit::Subset subset{numbers, std::vector<std::int64_t>{7, 3, 9, 1}};
        CHECK(subset.size() == 4);
        CHECK(at::equal(subset.get_batch(1, 3).data, at::tensor({3, 9}, at::kLong)));
        const std::vector<std::int64_t> order{3, 0};
        CHECK(at::equal(subset.get_batch(lit::Indices{order}).data, at::tensor({1, 7}, at::kLong)));
        const lit::Subset odd{
            numbers, std::views::iota(0, 5) | std::views::transform([](int i) { return 2 * i + 1; })};
        CHECK(at::equal(lit::take(odd, 2).get_batch(0, 2).data, at::tensor({1, 3}, at::kLong)));
    }
    TEST_CASE("an index outside of the dataset is refused when the subset is made") {
        const lit::TensorDataset numbers{at::arange(3), at::arange(3)};
        CHECK_THROWS_WITH_AS((lit::Subset{numbers, std::vector<std::int64_t>{0, 3}}),
                             doctest::Contains("index 3"), lit::ConfigError);
        CHECK_THROWS_AS(static_cast<void>(lit::take(numbers, 4)), lit::ConfigError);
        const lit::Subset subset{numbers, std::vector<std::int64_t>{0, 2}};
        CHECK_THROWS_AS(static_cast<void>(subset.get_batch(1, 3)), lit::DataError);
        const std::vector<std::int64_t> positions{1, 2};
        CHECK_THROWS_WITH_AS(static_cast<void>(subset.get_batch(lit::Indices{positions})), doctest::Contains("index 2"),
                             lit::DataError);
    }
}
