// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/data_loader.hpp>
#include <lit/data/data_module.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <memory>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

using Loader = lit::DataLoader<lit::TensorDataset>;
lit::TensorDataset counted(std::int64_t count) { return {at::arange(count), at::arange(count)}; }

struct Digits : lit::DataModule<Digits> {
    auto train_dataloader() { return lit::DataLoader{counted(8), {.batch_size = 4}}; }
    auto val_dataloader() {
        std::vector<Loader> loaders;
        loaders.emplace_back(counted(2));
        loaders.emplace_back(counted(3));
        return loaders;
    }
};
struct Kept : lit::DataModule<Kept> {
    std::unique_ptr<Loader> loader = std::make_unique<Loader>(counted(5));
    auto& test_dataloader() { return loader; }
    Loader* predict_dataloader() { return loader.get(); }
};

static_assert(lit::DataModulePolicy<Digits> && lit::DataModulePolicy<Kept> && !lit::DataModulePolicy<int>);
static_assert(!lit::DataModulePolicy<Loader> && !lit::DataModulePolicy<std::vector<lit::Example>>);
static_assert(lit::HasTrainLoader<Digits> && lit::HasValLoader<Digits> && !lit::HasTestLoader<Digits>);
static_assert(!lit::HasTrainLoader<Kept> && lit::HasTestLoader<Kept> && lit::HasPredictLoader<Kept>);
static_assert(std::is_empty_v<Digits> && !std::is_polymorphic_v<Kept>);

}  // namespace

TEST_SUITE("data/data_module") {
    TEST_CASE("a data module hands out loaders by value, by reference and several at once") {
        Digits digits;
        auto train = digits.train_dataloader();
        CHECK(lit::loader_size(train) == 2);
        auto val = digits.val_dataloader();
        CHECK(lit::loader_count(val) == 2);
        Kept kept;
        CHECK(lit::loader_size(kept.test_dataloader()) == 5);
        auto* predict = kept.predict_dataloader();
        CHECK(lit::loader_size(predict) == 5);
    }
}
