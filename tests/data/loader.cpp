// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/data_loader.hpp>
#include <lit/data/loader.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <torch/data/dataloader.h>
#include <torch/data/datasets/map.h>
#include <torch/data/datasets/tensor.h>
#include <torch/data/transforms/stack.h>

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace {

using Batches = std::vector<lit::Example>;
using Loader = lit::DataLoader<lit::TensorDataset>;

static_assert(lit::LoaderPolicy<Batches> && lit::LoaderPolicy<std::list<at::Tensor>&>);
static_assert(lit::LoaderPolicy<Loader> && lit::LoaderPolicy<Loader*> &&
              lit::LoaderPolicy<std::unique_ptr<Loader>>);
static_assert(lit::LoaderPolicy<std::reference_wrapper<Loader>>);
static_assert(lit::LoaderPolicy<std::vector<std::map<std::string, at::Tensor>>>);
static_assert(lit::LoaderPolicy<std::vector<std::array<at::Tensor, 2>>>);
static_assert(lit::LoaderRange<std::vector<Batches>> && lit::LoaderRange<std::array<Loader, 2>>);
static_assert(lit::LoaderRange<std::vector<std::unique_ptr<Loader>>> &&
              lit::LoaderRange<std::tuple<Batches, Loader>>);
static_assert(!lit::LoaderSource<void> && !lit::LoaderSource<at::Tensor> && !lit::LoaderSource<int> &&
              !lit::LoaderSource<lit::TensorDataset>);
static_assert(lit::SizedLoader<Batches> && !lit::SetsEpoch<Batches> && !lit::Shardable<Batches>);
static_assert(lit::SetsEpoch<Loader> && lit::Shardable<std::unique_ptr<Loader>> && lit::Sequencable<Loader>);
static_assert(std::is_same_v<lit::loader_batch_t<Loader>, lit::Example>);
static_assert(std::is_same_v<lit::loader_batch_t<std::shared_ptr<Batches>>, lit::Example>);

lit::Example example(std::int64_t rows) { return {at::ones({rows}), at::ones({rows})}; }

}  // namespace

TEST_SUITE("data/loader") {
    TEST_CASE("a container of batches is a loader that knows its size") {
        Batches batches{example(2), example(1)};
        CHECK(lit::loader_size(batches) == 2);
        CHECK(lit::loader_count(batches) == 1);
        lit::set_epoch_if(batches, 3);
        auto pointer = std::make_unique<Batches>(batches);
        CHECK(lit::loader_size(pointer) == 2);
        CHECK(&lit::deref(pointer) == pointer.get());
    }
    TEST_CASE("a loader of LibTorch's is a loader of unknown size") {
        auto loader = torch::data::make_data_loader(
            torch::data::datasets::TensorDataset(at::arange(5))
                .map(torch::data::transforms::Stack<torch::data::TensorExample>()),
            torch::data::DataLoaderOptions(2));
        static_assert(lit::LoaderPolicy<decltype(loader)> && lit::LoaderPolicy<decltype(*loader)>);
        static_assert(!lit::SizedLoader<decltype(loader)>);
        static_assert(lit::LoaderRange<std::vector<decltype(loader)>>);
        CHECK_FALSE(lit::loader_size(loader).has_value());
        std::int64_t samples = 0;
        lit::for_each_loader(loader, [&](auto& one, std::int64_t index) {
            CHECK(index == 0);
            for (auto& batch : one) {
                samples += lit::batch_size(batch);
            }
        });
        CHECK(samples == 5);
    }
    TEST_CASE("a range or tuple of loaders is several, numbered in order") {
        std::vector<Batches> several{{example(1)}, {example(2), example(3)}};
        CHECK(lit::loader_count(several) == 2);
        std::vector<Batches> none;
        CHECK(lit::loader_count(none) == 0);
        auto mixed = std::tuple{Batches{example(4)}, several, std::vector<at::Tensor>{at::ones({9})}};
        std::vector<std::int64_t> sizes;
        lit::for_each_loader(mixed, [&](auto& loader, std::int64_t index) {
            CHECK(index == static_cast<std::int64_t>(sizes.size()));
            sizes.push_back(lit::batch_size(*loader.begin()));
        });
        CHECK(sizes == std::vector<std::int64_t>{4, 1, 2, 9});
    }
    TEST_CASE("the null loader has no batches") {
        lit::NoLoader loader;
        CHECK(lit::loader_size(loader) == 0);
        for ([[maybe_unused]] const auto& batch : loader) {
            FAIL("a batch of no loader");
        }
    }
}
