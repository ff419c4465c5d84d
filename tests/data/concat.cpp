// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/concat.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/subset.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

/// Samples with a name each, and some with a weight.
struct Named {
    struct Batch {
        at::Tensor x;
        std::optional<at::Tensor> weight;
        std::pair<std::vector<std::string>, at::Tensor> names;
        std::int64_t version = 1;
    };
    std::string prefix;
    std::int64_t first = 0;
    bool weighted = false;
    std::int64_t version = 1;

    [[nodiscard]] static std::int64_t size() { return 3; }
    [[nodiscard]] Batch get_batch(lit::Indices indices) const {
        const at::Tensor x = at::tensor(std::vector<std::int64_t>(indices.begin(), indices.end()), at::kLong) + first;
        Batch batch{.x = x, .weight = std::nullopt, .names = {{}, x * 10}, .version = version};
        if (weighted) {
            batch.weight = x * 2;
        }
        for (const std::int64_t index : indices) {
            batch.names.first.push_back(prefix + std::to_string(index));
        }
        return batch;
    }
};
auto get(const auto& dataset, const std::vector<std::int64_t>& indices) { return dataset.get_batch(lit::Indices{indices}); }

}  // namespace

TEST_SUITE("data/concat") {
    TEST_CASE("what is no tensor has its place in a mixed batch as well") {
        const auto all = lit::concat(Named{"a"}, Named{"b", 100});
        const auto in_order = get(all, {1, 2, 3, 4});
        CHECK(in_order.names.first == std::vector<std::string>{"a1", "a2", "b0", "b1"});
        const auto mixed = get(all, {4, 0, 5});
        CHECK(mixed.names.first == std::vector<std::string>{"b1", "a0", "b2"});
        CHECK(at::equal(mixed.x, at::tensor({101, 0, 102}, at::kLong)));
        CHECK(at::equal(mixed.names.second, at::tensor({1010, 0, 1020}, at::kLong)));
        const auto of_one = get(all, {2, 0});
        CHECK(of_one.names.first == std::vector<std::string>{"a2", "a0"});
    }

    TEST_CASE("parts that only one dataset has, or that differ, are refused") {
        const auto some = lit::concat(Named{"a"}, Named{"b", 100, true});
        CHECK(get(some, {4, 3}).weight.has_value());
        CHECK_FALSE(get(some, {0, 1}).weight.has_value());
        CHECK_THROWS_WITH_AS(static_cast<void>(get(some, {1, 4})),
                             doctest::Contains("an optional part that only one of them has"), lit::DataError);
        CHECK_THROWS_WITH_AS(static_cast<void>(get(lit::concat(Named{"a"}, Named{"b", 0, false, 2}), {1, 4})),
                             doctest::Contains("a value that is not one for each sample and differs"), lit::DataError);
    }


    TEST_CASE("datasets of different types stand one after the other, and mixed batches keep their order") {
        const lit::TensorDataset first{at::arange(0, 4), at::arange(0, 4)};
        const lit::TensorDataset second{at::arange(4, 9), at::arange(4, 9)};
        const auto all = lit::concat(first, lit::take(second, 3), lit::mapped(second, [](lit::Example e) {
                                         e.data = e.data + 100;
                                         return e;
                                     }));
        static_assert(lit::DatasetPolicy<std::remove_const_t<decltype(all)>>);
        CHECK(all.size() == 12);
        struct Row {
            std::vector<std::int64_t> indices, data;
            const char* why;
        };
        for (const Row& row : {Row{{0, 3, 4, 6, 7}, {0, 3, 4, 6, 104}, "in order, from all three"},
                               Row{{11, 0, 5, 1, 8}, {108, 0, 5, 1, 105}, "mixed"},
                               Row{{6, 4}, {6, 4}, "from one dataset"}, Row{{}, {}, "none"}}) {
            CAPTURE(row.why);
            CHECK(at::equal(all.get_batch(lit::Indices{row.indices}).data, at::tensor(row.data, at::kLong)));
        }
        const std::vector<std::int64_t> bad{12};
        CHECK_THROWS_AS(static_cast<void>(all.get_batch(lit::Indices{bad})), lit::DataError);
        CHECK(at::equal(lit::get_range(all, 3, 5).data, at::tensor({3, 4}, at::kLong)));
    }
}
