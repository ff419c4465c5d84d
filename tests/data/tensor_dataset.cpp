// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <array>
#include <vector>

static_assert(lit::DatasetPolicy<lit::TensorDataset> && lit::GathersRanges<lit::TensorDataset>);
static_assert(std::is_same_v<lit::dataset_batch_t<lit::TensorDataset>, lit::Example>);
static_assert(!lit::DatasetPolicy<std::vector<int>>);

TEST_SUITE("data/tensor_dataset") {
    TEST_CASE("rows are gathered in the order of the indices, whatever the layout and type") {
        const std::vector<std::int64_t> order{4, 0, 4, 2};
        const at::Tensor positions = at::tensor(order, at::kLong);
        const at::Tensor target = at::arange(5);
        for (const at::Tensor& data :
             {at::rand({5, 3, 2}), at::rand({5, 3, 2}).transpose(1, 2), at::rand({3, 5}).t(),
              at::arange(5).to(at::kByte), at::rand({5}).gt(0.5), at::zeros({5, 0})}) {
            CAPTURE(data.toString());
            CAPTURE(data.dim());
            const lit::Example batch = lit::TensorDataset{data, target}.get_batch(lit::Indices{order});
            CHECK(at::equal(batch.data, data.index_select(0, positions)));
            CHECK(at::equal(batch.target, positions));
            CHECK((batch.data.scalar_type() == data.scalar_type()));
        }
    }
    TEST_CASE("a contiguous batch is a copy, or a view when asked for") {
        const at::Tensor data = at::arange(6);
        const auto copied = lit::TensorDataset{data, data}.get_batch(2, 5);
        CHECK(at::equal(copied.data, at::arange(2, 5)));
        copied.data.fill_(-1);
        CHECK(data[2].item<std::int64_t>() == 2);
        const auto viewed = lit::TensorDataset{data, data, {.views = true}}.get_batch(2, 5);
        viewed.data.fill_(-1);
        CHECK(data[2].item<std::int64_t>() == -1);
    }
    TEST_CASE("tensors that do not fit together and indices outside are refused") {
        CHECK_THROWS_WITH_AS((lit::TensorDataset{at::ones({3, 2}), at::ones({4})}),
                             doctest::Contains("data [3, 2] and target [4]"), lit::ConfigError);
        CHECK_THROWS_AS((lit::TensorDataset{at::Tensor{}, at::ones({4})}), lit::ConfigError);
        CHECK_THROWS_AS((lit::TensorDataset{at::ones({4}), at::scalar_tensor(1)}), lit::ConfigError);
        const lit::TensorDataset dataset{at::ones({3}), at::ones({3})};
        for (const std::int64_t bad : {-1, 3}) {
            const std::array<std::int64_t, 2> indices{0, bad};
            CHECK_THROWS_WITH_AS(static_cast<void>(dataset.get_batch(lit::Indices{indices})),
                                 doctest::Contains("outside of the 3 samples"), lit::DataError);
        }
        CHECK_THROWS_AS(static_cast<void>(dataset.get_batch(1, 4)), lit::DataError);
    }

    TEST_CASE("a tensor that is conjugated when it is read is conjugated in each batch") {
        const at::Tensor data = at::complex(at::ones({4}), at::arange(4, at::kFloat)).conj();
        const lit::TensorDataset dataset{data, data};
        const std::vector<std::int64_t> indices{3, 1};
        CHECK(at::imag(dataset.get_batch(lit::Indices{indices}).data)[0].item<float>() == -3.0F);
        CHECK(at::imag(dataset.get_batch(3, 4).data)[0].item<float>() == -3.0F);
    }
}
