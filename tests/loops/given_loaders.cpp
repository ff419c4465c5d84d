// SPDX-License-Identifier: Apache-2.0
// What the loops do to the loaders that they are given, and that it is taken back.
#include "support/doctest.hpp"
#include "support/hand_clock.hpp"

#include "callbacks/scripted.hpp"
#include "loops/probe.hpp"

#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/data_module.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/loops/limit.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace {

using lit::testing::HandClock;
using scripted::Script;
using namespace std::chrono_literals;
using Loader = lit::DataLoader<lit::TensorDataset>;
using Sizes = std::map<std::int64_t, std::int64_t>;

Loader loader(std::int64_t batch_size, bool shuffle = false) {
    return Loader{lit::TensorDataset{at::ones({16, 2}), at::ones({16, 1})}, {.batch_size = batch_size, .shuffle = shuffle}};
}

/// Batches that are kept by a loader which does not know how many they are, and whose iterator has the least an iterator has.
struct Kept {
    using batch_type = std::vector<at::Tensor>;
    std::vector<std::vector<at::Tensor>> all;
    struct Iterator {
        std::vector<std::vector<at::Tensor>>* of;
        std::size_t at;
        std::vector<at::Tensor>& operator*() const { return (*of)[at]; }
        Iterator& operator++() {
            ++at;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    Iterator begin() { return {&all, 0}; }
    Iterator end() { return {&all, all.size()}; }
};
struct Counts : probe::LineBase<Counts> {
    std::vector<std::size_t> trained{};
    at::Tensor training_step(const std::vector<at::Tensor>& batch) {
        trained.push_back(batch.size());
        return loss(batch.at(0));
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};

/// How many samples each validation saw.
struct Samples : probe::LineBase<Samples> {
    std::vector<std::int64_t> validated{};
    at::Tensor training_step(const lit::Example& batch) { return loss(batch.data); }
    void on_validation_epoch_start() { validated.push_back(0); }
    void validation_step(const lit::Example& batch) { validated.back() += batch.data.size(0); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};

/// Another loader from the second time on.
struct Changing : lit::DataModule<Changing> {
    Loader first = loader(2, true), later = loader(4), first_val = loader(2, true), later_val = loader(4);
    int asked = 0, asked_val = 0;
    Loader& train_dataloader() { return asked++ == 0 ? first : later; }
    Loader& val_dataloader() { return asked_val++ == 0 ? first_val : later_val; }
};

struct Validations {
    int count = 0;
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/) { HandClock::pass(10ms); }
    void on_validation_start(auto& /*trainer*/, auto& /*module*/) { ++count; }
};

struct SavesOrStops {
    std::filesystem::path path{};
    bool stops = false;
    void on_train_batch_end(auto& trainer, auto& /*module*/, const auto& /*output*/, const auto& /*batch*/, std::int64_t index) {
        if (!stops && index == 1) {
            trainer.save_checkpoint(path);
        }
    }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        if (stops) {
            trainer.request_stop("enough");
        }
    }
};

}  // namespace

TEST_SUITE("loops/given_loaders") {
    TEST_CASE("batches that a loader keeps stay its own") {
        Kept kept;
        for (const at::Tensor& batch : probe::batches(3)) {
            kept.all.push_back({batch, batch});
        }
        Counts module;
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 2});
        trainer.fit(module, kept);
        CHECK(module.trained == std::vector<std::size_t>(6, 2));
    }

    TEST_CASE("a loader that is replaced has its order and its batch size again") {
        Changing data;
        Script module;
        SUBCASE("order") {
            auto trainer = scripted::trainer(
                {.max_epochs = 2, .overfit_batches = 2, .num_sanity_val_steps = 0, .reload_dataloaders_every_n_epochs = 1});
            trainer.fit(module, data);
            CHECK(data.asked == 2);
            CHECK(data.asked_val == 2);
        }
        SUBCASE("batch size") {
            auto trainer = scripted::trainer({.max_epochs = 2, .reload_dataloaders_every_n_epochs = 1},
                                             lit::DynamicBatchSize{{.at_epoch = Sizes{{0, 8}}}});
            trainer.fit(module, data);
        }
        CHECK(data.first.is_shuffled());
        CHECK(data.first_val.is_shuffled());
        CHECK(data.first.batch_size() == 2);
        CHECK(data.later.batch_size() == 4);
    }

    TEST_CASE("where the batch size changes, one loader for both is validated to its end") {
        Samples module;
        auto both = loader(8);
        auto trainer = scripted::trainer({.max_epochs = 3, .num_sanity_val_steps = 0},
                                         lit::DynamicBatchSize{{.at_epoch = Sizes{{1, 4}, {2, 2}}}});
        trainer.fit(module, both, both);
        CHECK(module.validated == std::vector<std::int64_t>{16, 16, 16});
    }

    TEST_CASE("where the batch size changes, an interval by the clock goes on") {
        const auto validations = [](const Sizes& sizes) {
            const HandClock clock;
            Script module;
            auto train = loader(1);
            auto val = loader(8);
            auto trainer = scripted::trainer({.max_epochs = 8, .val_check_interval = 200ms, .num_sanity_val_steps = 0},
                                             lit::DynamicBatchSize{{.at_epoch = sizes}}, Validations{});
            trainer.fit(module, train, val);
            return trainer.template get<Validations>().count;
        };
        CHECK(validations({{0, 1}}) == 6);  // 8 epochs of 160 ms
        CHECK(validations({{0, 1}, {1, 2}, {2, 1}, {3, 2}, {4, 1}, {5, 2}, {6, 1}, {7, 2}}) == 4);  // of 160 and 80 ms
    }

    TEST_CASE("predict takes loaders of different types, and one loader twice") {
        Script module;
        auto trainer = scripted::trainer({});
        SUBCASE("a tuple") {
            auto loaders = std::tuple{loader(2), scripted::batches(3)};
            const auto predictions = trainer.predict(module, loaders);
            REQUIRE(predictions.size() == 2);
            CHECK(predictions[0].size() == 8);
            CHECK(predictions[1].size() == 3);
        }
        SUBCASE("twice") {
            Loader one{lit::TensorDataset{at::ones({5, 2}), at::ones({5, 1})}, {.batch_size = 2, .drop_last = true}};
            std::vector<Loader*> twice{&one, &one};
            CHECK(trainer.predict(module, twice)[1].size() == 3);
            CHECK(one.drop_last());
        }
    }

    TEST_CASE("the order of an epoch that is not gone on with is no later one's") {
        const scripted::Folder folder;
        const lit::TensorDataset numbers{at::arange(16, at::kFloat).view({8, 2}), at::zeros({8, 1})};
        Loader written{numbers, {.batch_size = 2, .shuffle = true}};
        auto val = scripted::batches(1);
        const lit::TrainerOptions options{.max_epochs = 1, .val_check_interval = 2, .num_sanity_val_steps = 0};
        Script module;
        auto first = scripted::trainer(options, SavesOrStops{.path = folder.path() / "a.ckpt"});
        first.fit(module, written, val);

        Loader resumed{numbers, {.batch_size = 2, .shuffle = true}};
        auto second = scripted::trainer(options, SavesOrStops{.stops = true});
        second.fit(module, resumed, val, {.ckpt_path = (folder.path() / "a.ckpt").string()});
        CHECK(second.global_step() == 2);
        Loader fresh{numbers, {.batch_size = 2, .shuffle = true}};
        at::manual_seed(77);
        const at::Tensor expected = fresh.begin()->data;
        at::manual_seed(77);
        CHECK(resumed.begin()->data.equal(expected));
    }

    TEST_CASE("a limit that is written as a float is what it is written as") {
        CHECK(*lit::Limit(0.7F).of(10, "limit_train_batches") == 7);
        CHECK(*lit::Limit(0.9F).of(10, "limit_train_batches") == 9);
        CHECK(lit::ValCheckInterval(0.7F).batches().fraction() == 0.7);
    }
}
