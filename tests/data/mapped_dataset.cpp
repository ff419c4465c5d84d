// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <type_traits>
#include <vector>

TEST_SUITE("data/mapped_dataset") {
    TEST_CASE("a mapped dataset applies its function to whole batches, gathered or contiguous") {
        const lit::TensorDataset bytes{at::full({4, 2}, 255, at::kByte), at::arange(4)};
        const auto floats = lit::mapped(bytes, [](lit::Example batch) {
            batch.data = batch.data.to(at::kFloat).div_(255);
            return batch;
        });
        static_assert(lit::DatasetPolicy<std::remove_const_t<decltype(floats)>>);
        static_assert(lit::GathersRanges<std::remove_const_t<decltype(floats)>>);
        CHECK(floats.size() == 4);
        CHECK(at::equal(floats.get_batch(1, 3).data, at::ones({2, 2})));
        const std::vector<std::int64_t> order{3, 1};
        CHECK(at::equal(floats.get_batch(lit::Indices{order}).target, at::tensor({3, 1}, at::kLong)));
        const auto only_data = lit::mapped(floats, [](const lit::Example& batch) { return batch.data; });
        static_assert(
            std::is_same_v<lit::dataset_batch_t<std::remove_const_t<decltype(only_data)>>, at::Tensor>);
        CHECK(only_data.get_batch(0, 1).size(0) == 1);
    }
}
