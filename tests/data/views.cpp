// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/subset.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/data/views.hpp>

#include <range/v3/view/iota.hpp>
#include <range/v3/view/stride.hpp>
#include <range/v3/view/transform.hpp>

#include <vector>

TEST_SUITE("data/views") {
    TEST_CASE("a range-v3 view of samples is a dataset, the same for every number of workers") {
        const auto squares =
            ranges::views::iota(std::int64_t{0}, std::int64_t{10}) |
            ranges::views::transform([](std::int64_t i) {
                return lit::ExampleOf<at::Tensor, std::int64_t>{at::full({2}, static_cast<double>(i)), i * i};
            });
        const auto dataset = lit::view_dataset(squares);
        static_assert(lit::DatasetPolicy<std::remove_const_t<decltype(dataset)>>);
        CHECK(dataset.size() == 10);
        for (const std::int64_t workers : {0, 2}) {
            lit::DataLoader loader{dataset, {.batch_size = 4, .num_workers = workers}};
            std::vector<at::Tensor> targets;
            for (const auto& batch : loader) {
                CHECK(at::equal(batch.data.select(1, 0).pow(2).to(at::kLong), batch.target));
                targets.push_back(batch.target);
            }
            CHECK(at::equal(at::cat(targets), at::arange(10).pow(2)));
        }
        const std::vector<std::int64_t> bad{10};
        CHECK_THROWS_AS(static_cast<void>(dataset.get_batch(lit::Indices{bad})), lit::DataError);
    }
    TEST_CASE("a container of samples is referred to, a view of indices makes a subset") {
        std::vector<at::Tensor> samples{at::zeros({2}), at::ones({2})};
        const auto dataset = lit::view_dataset(samples);
        samples[0] = at::full({2}, 7);
        CHECK(dataset.get_batch(lit::Indices{std::vector<std::int64_t>{0}}).sum().item<double>() == 14.0);
        const lit::TensorDataset numbers{at::arange(10), at::arange(10)};
        const lit::Subset thirds{numbers, ranges::views::iota(0, 10) | ranges::views::stride(3)};
        CHECK(at::equal(thirds.get_batch(0, 4).data, at::tensor({0, 3, 6, 9}, at::kLong)));
    }
}
