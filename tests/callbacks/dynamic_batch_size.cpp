// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::DynamicBatchSize;
using Sizes = std::vector<std::int64_t>;

static_assert(lit::CallbackPolicy<DynamicBatchSize> && lit::StatefulCallback<DynamicBatchSize>);
static_assert(!std::is_polymorphic_v<DynamicBatchSize>);

/// Writes down how large its batches are, and which sample is first in each.
struct Net : lit::Module<Net> {
    torch::nn::Linear layer{nullptr};
    Sizes sizes{};
    Sizes first{};

    Net() { layer = register_module("layer", torch::nn::Linear(1, 1)); }
    at::Tensor training_step(const lit::Example& batch) {
        sizes.push_back(batch.data.size(0));
        first.push_back(batch.data[0].item<std::int64_t>());
        return layer(batch.data).mean();
    }
    void validation_step(const lit::Example& /*batch*/) { sizes.push_back(-1); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.001}}; }
};

auto loader(std::int64_t batch_size = 2) {
    const at::Tensor x = at::arange(12, at::kFloat).unsqueeze(1);
    return lit::DataLoader{lit::TensorDataset{x, at::ones({12})}, {.batch_size = batch_size}};
}

/// Of all batches of a fit, one after the other.
Sizes sizes_of(lit::DynamicBatchSizeOptions options, lit::TrainerOptions trainer_options) {
    Net net;
    auto data = loader();
    auto trainer = scripted::trainer(trainer_options, DynamicBatchSize{std::move(options)});
    trainer.fit(net, data);
    CHECK(data.batch_size() == 2);  // given back
    return net.sizes;
}

}  // namespace

TEST_SUITE("callbacks/dynamic_batch_size") {
    TEST_CASE("an epoch has the size of the last entry before it, the loader's own before the first") {
        CHECK(sizes_of({.at_epoch = {{1, 4}, {2, 6}}}, {.max_epochs = 4}) ==
              Sizes{2, 2, 2, 2, 2, 2, 4, 4, 4, 6, 6, 6, 6});
        CHECK(sizes_of({.at_epoch = {{0, 5}}}, {.max_epochs = 1}) == Sizes{5, 5, 2});
        CHECK(sizes_of({.at_epoch = {{0, 12}, {1, 6}}}, {.max_epochs = 2}) == Sizes{12, 6, 6});
    }
    TEST_CASE("a step that is reached inside of an epoch counts from the next one on") {
        CHECK(sizes_of({.at_step = {{1, 6}, {8, 12}}}, {.max_epochs = 4}) ==
              Sizes{2, 2, 2, 2, 2, 2, 6, 6, 12, 12});
        CHECK(sizes_of({.at_step = {{6, 12}}}, {.max_epochs = 2}) == Sizes{2, 2, 2, 2, 2, 2, 12});
    }
    TEST_CASE("what is a part of an epoch goes along: limits and validations") {
        CHECK(sizes_of({.at_epoch = {{1, 6}}}, {.max_epochs = 2, .limit_train_batches = 0.5}) ==
              Sizes{2, 2, 2, 6});
        Net net;
        auto data = loader();
        auto trainer =
            scripted::trainer({.max_epochs = 2, .val_check_interval = 0.5, .num_sanity_val_steps = 0},
                              DynamicBatchSize{{.at_epoch = {{1, 3}}}});
        trainer.fit(net, data, loader(12));
        CHECK(net.sizes == Sizes{2, 2, 2, -1, 2, 2, 2, -1, 3, 3, -1, 3, 3, -1});
    }
    TEST_CASE("a loader that is made for the run is sized too") {
        struct Own : Net {
            auto train_dataloader() { return loader(); }
        };
        Own net;
        auto trainer = scripted::trainer({.max_epochs = 2, .reload_dataloaders_every_n_epochs = 1},
                                         DynamicBatchSize{{.at_epoch = {{0, 6}, {1, 4}}}});
        trainer.fit(net);
        CHECK(net.sizes == Sizes{6, 6, 4, 4, 4});
    }
    TEST_CASE("an epoch that was broken off goes on with the batches it began with") {
        const scripted::Folder folder;
        // The third step is inside of the first epoch: it has batches of 2 to its end, broken off or not.
        const lit::DynamicBatchSizeOptions options{.at_step = {{0, 2}, {3, 6}}};
        Net whole;
        auto data = loader(4);
        auto straight = scripted::trainer({.max_epochs = 2}, DynamicBatchSize{options},
                                          lit::ModelCheckpoint<>{{.dirpath = folder.path(),
                                                                  .filename = "{step}",
                                                                  .save_top_k = -1,
                                                                  .every_n_train_steps = 1}});
        straight.fit(whole, data);
        CHECK(whole.sizes == Sizes{2, 2, 2, 2, 2, 2, 6, 6});
        for (const std::size_t step : {4, 7}) {
            CAPTURE(step);
            Net net;
            auto fresh = loader(4);
            auto resumed = scripted::trainer({.max_epochs = 2}, DynamicBatchSize{options});
            resumed.fit(net, fresh,
                        {.ckpt_path = (folder.path() / ("step=" + std::to_string(step) + ".ckpt")).string()});
            const auto from = static_cast<std::ptrdiff_t>(step);
            CHECK(net.sizes == Sizes(whole.sizes.begin() + from, whole.sizes.end()));
            CHECK(net.first == Sizes(whole.first.begin() + from, whole.first.end()));
        }
    }
    TEST_CASE("refuses what cannot be meant") {
        CHECK_THROWS_WITH_AS(DynamicBatchSize{{}}, doctest::Contains("neither at_epoch nor at_step"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS((DynamicBatchSize{{.at_epoch = {{0, 1}}, .at_step = {{0, 1}}}}),
                             doctest::Contains("both at_epoch and at_step"), lit::ConfigError);
        CHECK_THROWS_AS((DynamicBatchSize{{.at_epoch = {{-1, 1}}}}), lit::ConfigError);
        CHECK_THROWS_WITH_AS((DynamicBatchSize{{.at_step = {{4, 0}}}}),
                             "DynamicBatchSize: found a batch size of 0 from step 4 on, expected 1 or more.",
                             lit::ConfigError);
    }
}
