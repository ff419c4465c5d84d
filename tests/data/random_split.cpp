// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/random_split.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <vector>

namespace {

using Numbers = std::vector<std::int64_t>;

lit::TensorDataset split_numbers(std::int64_t count) { return {at::arange(count), at::arange(count)}; }
template <class Subset>
Numbers indices_of(const Subset& subset) {
    return {subset.indices().begin(), subset.indices().end()};
}

}  // namespace

// Expected numbers: Python, torch 2.11.0,
//   [list(s.indices) for s in torch.utils.data.random_split(range(n), lengths,
//   generator=torch.Generator().manual_seed(seed))]
TEST_SUITE("data/random_split") {
    TEST_CASE("lengths are split as in Python, index for index") {
        const auto [train, val] = lit::random_split(split_numbers(10), {7, 3}, 42);
        CHECK(indices_of(train) == Numbers{2, 6, 1, 8, 4, 5, 0});
        CHECK(indices_of(val) == Numbers{9, 3, 7});
        CHECK(at::equal(val.get_batch(0, 3).data, at::tensor({9, 3, 7}, at::kLong)));
    }
    TEST_CASE("fractions are split as in Python, what is left over goes round") {
        const auto even = lit::random_split(split_numbers(30), {0.3, 0.3, 0.4}, 42);
        CHECK(indices_of(even[0]) == Numbers{12, 0, 6, 25, 8, 15, 10, 18, 16});
        CHECK(indices_of(even[1]) == Numbers{23, 28, 26, 20, 7, 21, 22, 29, 13});
        CHECK(indices_of(even[2]) == Numbers{14, 2, 4, 1, 9, 11, 17, 19, 27, 5, 24, 3});
        const auto uneven = lit::random_split(split_numbers(11), {0.5, 0.25, 0.25}, 7);
        CHECK(indices_of(uneven[0]) == Numbers{3, 0, 9, 2, 5, 8});
        CHECK(indices_of(uneven[1]) == Numbers{4, 10, 1});
        CHECK(indices_of(uneven[2]) == Numbers{7, 6});
        const auto listed = lit::random_split(split_numbers(10), std::vector{0.35, 0.35, 0.3},
                                              at::make_generator<at::CPUGeneratorImpl>(1));
        CHECK(indices_of(listed.at(0)) == Numbers{5, 6, 1, 2});
        CHECK(indices_of(listed.at(2)) == Numbers{3, 7, 4});
    }
    TEST_CASE("without a seed the global generator is drawn from, as in Python") {
        torch::manual_seed(11);
        const auto parts = lit::random_split(split_numbers(6), {2, 4});
        CHECK(indices_of(parts[0]) == Numbers{3, 5});
        CHECK(indices_of(parts[1]) == Numbers{2, 1, 0, 4});
    }
    TEST_CASE("lengths that do not add up are refused with both numbers") {
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::random_split(split_numbers(10), {7, 4}, 1)),
                             doctest::Contains("{7, 4} of a dataset of 10 samples: the lengths add up to 11"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::random_split(split_numbers(10), {0.5, 0.4}, 1)),
                             doctest::Contains("add up to 1"), lit::ConfigError);
        CHECK_THROWS_AS(static_cast<void>(lit::random_split(split_numbers(10), {11, -1}, 1)),
                        lit::ConfigError);
        CHECK_THROWS_AS(static_cast<void>(lit::random_split(split_numbers(10), {1.5, -0.5}, 1)),
                        lit::ConfigError);
    }

    TEST_CASE("fractions in float are those that were written") {
        CHECK(lit::random_split(split_numbers(10), {0.3F, 0.7F}, 1)[0].size() == 3);
        CHECK(lit::random_split(split_numbers(10), {0.8F, 0.2F}, 1)[0].size() == 8);
        CHECK(lit::random_split(split_numbers(10), {0.1F, 0.2F, 0.7F}, 1)[2].size() == 7);
    }
}
