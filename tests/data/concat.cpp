// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/concat.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/subset.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <type_traits>
#include <vector>

TEST_SUITE("data/concat") {
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
