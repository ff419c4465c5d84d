// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/callbacks/prediction_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::WriteInterval;
using scripted::Folder;
using scripted::Script;
using Indices = std::vector<std::int64_t>;

static_assert(lit::CallbackPolicy<lit::PredictionWriter>);
static_assert(lit::WritesPredictions<lit::PredictionWriter>);
static_assert(!std::is_polymorphic_v<lit::PredictionWriter>);

/// Notes what it is given.
struct Notes : lit::BasePredictionWriter<Notes> {
    using BasePredictionWriter::BasePredictionWriter;
    std::vector<Indices> batches{};
    std::string places{};
    std::vector<std::vector<Indices>> epoch{};
    std::vector<std::vector<at::Tensor>> predictions{};

    void write_on_batch_end(auto& /*trainer*/, auto& /*module*/, const at::Tensor& prediction,
                            const Indices& indices, const auto& batch, std::int64_t batch_idx,
                            std::int64_t dataloader_idx) {
        CHECK(prediction.size(0) == batch.data.size(0));
        batches.push_back(indices);
        places += std::to_string(dataloader_idx) + ":" + std::to_string(batch_idx) + " ";
    }
    void write_on_epoch_end(auto& /*trainer*/, auto& /*module*/,
                            const std::vector<std::vector<at::Tensor>>& all,
                            const std::vector<std::vector<Indices>>& indices) {
        predictions = all;
        epoch = indices;
    }
};
/// Leaves out what it does not need.
struct Counter : lit::BasePredictionWriter<Counter> {
    int count = 0;
    void write_on_batch_end(auto& /*trainer*/, auto& /*module*/, const at::Tensor& /*prediction*/) {
        ++count;
    }
};
struct OnlyEpoch : lit::BasePredictionWriter<OnlyEpoch> {
    explicit OnlyEpoch(WriteInterval interval) : BasePredictionWriter(interval) {}
    void write_on_epoch_end(auto& /*trainer*/, auto& /*module*/) {}
};

auto loader(std::int64_t samples, lit::DataLoaderOptions options) {
    return lit::DataLoader{lit::TensorDataset{at::zeros({samples, 2}), at::arange(samples)}, options};
}
/// The same samples as an identification of their places.
struct Places : lit::Module<Places> {
    auto predict_step(const lit::Example& batch) {
        return std::pair{batch.target, std::vector<std::string>{"a", "b"}};
    }
};

}  // namespace

TEST_SUITE("callbacks/prediction_writer") {
    TEST_CASE("is told the samples of each batch, in the order of the loader") {
        // Lightning 2.6.6: [0, 1], [2, 3], [4] for 5 samples in batches of 2.
        for (const std::int64_t workers : {0, 2}) {
            auto trainer = scripted::trainer({}, Notes{WriteInterval::batch_and_epoch});
            Script module;
            trainer.predict(module, loader(5, {.batch_size = 2, .num_workers = workers}));
            const Notes& notes = trainer.get<Notes>();
            CHECK(notes.batches == std::vector<Indices>{{0, 1}, {2, 3}, {4}});
            CHECK(notes.places == "0:0 0:1 0:2 ");
            CHECK(notes.epoch == std::vector<std::vector<Indices>>{notes.batches});
            CHECK(notes.predictions.size() == 1);
            CHECK(notes.predictions[0].size() == 3);
            CHECK(notes.predictions[0][2].size(0) == 1);
        }
    }
    TEST_CASE("a shuffled loader's samples are named as they come, several loaders one after the other") {
        std::vector<decltype(loader(0, {}))> loaders;
        loaders.push_back(loader(4, {.batch_size = 4, .shuffle = true, .seed = 1}));
        loaders.push_back(loader(3, {.batch_size = 2}));
        struct Keep : lit::Module<Keep> {
            at::Tensor predict_step(const lit::Example& batch) { return batch.target; }
        };
        auto trainer = scripted::trainer({.limit_predict_batches = 1}, Notes{WriteInterval::batch_and_epoch});
        Keep module;
        trainer.predict(module, loaders);
        const Notes& notes = trainer.get<Notes>();
        CHECK(notes.places == "0:0 1:0 ");
        const at::Tensor seen = notes.predictions[0][0];
        CHECK(Indices(seen.data_ptr<std::int64_t>(), seen.data_ptr<std::int64_t>() + 4) == notes.batches[0]);
        CHECK(notes.batches[0] != Indices{0, 1, 2, 3});
        CHECK(notes.epoch == std::vector<std::vector<Indices>>{{notes.batches[0]}, {{0, 1}}});
        // The next prediction begins anew.
        trainer.predict(module, loader(2, {.batch_size = 2}));
        CHECK(notes.epoch == std::vector<std::vector<Indices>>{{{0, 1}}});
    }
    TEST_CASE("of a plain list of batches nobody knows the samples") {
        auto trainer = scripted::trainer({}, Notes{WriteInterval::batch});
        Script module;
        trainer.predict(module, scripted::batches(2));
        CHECK(trainer.get<Notes>().batches == std::vector<Indices>{{}, {}});
        CHECK(trainer.get<Notes>().predictions.empty());
    }
    TEST_CASE("writes when it was told to, and trailing arguments may be left out") {
        auto trainer = scripted::trainer({}, Notes{WriteInterval::epoch}, Counter{});
        Script module;
        trainer.predict(module, scripted::batches(3));
        CHECK(trainer.get<Notes>().batches.empty());
        CHECK(trainer.get<Notes>().epoch.size() == 1);
        CHECK(trainer.get<Counter>().count == 3);
    }
    TEST_CASE("PredictionWriter writes a file for each batch and for the epoch") {
        const Folder folder;
        auto trainer =
            scripted::trainer({}, lit::PredictionWriter{{.dirpath = folder.path() / "out",
                                                         .write_interval = WriteInterval::batch_and_epoch}});
        Places module;
        trainer.predict(module, loader(5, {.batch_size = 2}));
        const auto out = folder.path() / "out";
        const lit::Value last = lit::load_checkpoint(out / "0" / "2.pt");
        CHECK(last.at("predictions").as<lit::Tuple>().items[0].tensor().equal(at::full({1}, 4, at::kLong)));
        CHECK(last.at("predictions").items()[1].items()[1].string() == "b");
        CHECK(last.at("batch_indices").items()[0].to_int() == 4);
        const lit::Value all = lit::load_checkpoint(out / "predictions.pt");
        CHECK(all.at("predictions").items().size() == 1);
        CHECK(all.at("predictions").items()[0].items()[1].items()[0].tensor().equal(at::arange(2, 4)));
        CHECK(all.at("batch_indices").items()[0].items()[1].items()[1].to_int() == 3);
        int files = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) {
            files += entry.is_regular_file() ? 1 : 0;
        }
        CHECK(files == 4);
    }
    TEST_CASE("a file that cannot be written ends the run") {
        const Folder folder;
        auto trainer = scripted::trainer({}, lit::PredictionWriter{{.dirpath = "/proc/none"}});
        Script module;
        CHECK_THROWS_AS(trainer.predict(module, scripted::batches(1)), lit::FileError);
    }
    TEST_CASE("refuses an interval without its member, and no folder") {
        CHECK_THROWS_WITH_AS(OnlyEpoch{WriteInterval::batch},
                             doctest::Contains("asks for write_on_batch_end"), lit::ConfigError);
        CHECK_NOTHROW(OnlyEpoch{WriteInterval::epoch});
        CHECK_THROWS_WITH_AS(lit::PredictionWriter{{}}, doctest::Contains("dirpath is empty"),
                             lit::ConfigError);
    }
}
