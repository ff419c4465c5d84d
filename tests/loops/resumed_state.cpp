// SPDX-License-Identifier: Apache-2.0
// What a resumed fit takes from its checkpoint, where that was written by another program or at an unusual place.
#include <lit/loops/fit_loop.hpp>

#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/torch_optimizer.hpp>

#include "callbacks/scripted.hpp"
#include "loops/probe.hpp"
#include "loops/saves_at.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/embedding.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using probe::SavesAt;

struct KeepsSteps {
    std::int64_t* kept;
    void on_train_end(auto& trainer, auto& /*module*/) {
        *kept = trainer.progress().scheduler.total.completed;
    }
};

/// Its training batches are known, its validation loaders are none.
struct NoValidationLoaders : lit::DataModule<NoValidationLoaders> {
    auto train_dataloader() { return probe::batches(3); }
    auto val_dataloader() { return std::vector<std::vector<at::Tensor>>{}; }
};
struct Draws : probe::LineBase<Draws> {
    std::vector<double> drawn;
    at::Tensor training_step(const at::Tensor& batch) {
        drawn.push_back(at::rand({}).item<double>());
        return loss(batch);
    }
    void validation_step(const at::Tensor& /*batch*/) {}
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

/// Rows of a table, whose gradients are sparse.
struct Words : lit::Module<Words> {
    torch::nn::Embedding words{nullptr};
    Words() {
        words = register_module("words", torch::nn::Embedding(torch::nn::EmbeddingOptions(5, 2).sparse(true)));
        const at::NoGradGuard no_grad;
        words->weight.fill_(1.0);
    }
    at::Tensor training_step(const at::Tensor& batch) { return words(batch).square().sum(); }
    auto configure_optimizers() { return torch::optim::SGD(parameters(), torch::optim::SGDOptions(0.0625)); }
};
struct SavesFirst {
    std::filesystem::path path;
    void on_train_batch_end(auto& trainer, auto& /*module*/, const auto& /*output*/, const auto& /*batch*/, std::int64_t index) {
        if (index == 0) {
            trainer.save_checkpoint(path);
        }
    }
};

/// Asks, or does not, how long the fit will be.
struct Sized : lit::Module<Sized> {
    at::Tensor weight = register_parameter("weight", at::ones({1}));
    bool asks = false;
    std::vector<std::int64_t> sizes, firsts;

    at::Tensor training_step(const lit::Example& batch) {
        sizes.push_back(batch.data.size(0));
        firsts.push_back(batch.data[0].item<std::int64_t>());
        return (weight * batch.data).mean();
    }
    auto configure_optimizers() {
        if (asks) {
            static_cast<void>(estimated_stepping_batches());
        }
        return lit::SGD{parameters(), {.lr = 1e-4}};
    }
};
auto sixteen() {
    return lit::DataLoader{lit::TensorDataset{at::arange(16, at::kFloat), at::zeros({16})},
                           {.batch_size = 2}};
}

struct Monitored : probe::LineBase<Monitored> {
    std::int64_t trained = 0;
    double last_lr = 0.0;
    at::Tensor training_step(const at::Tensor& batch) {
        ++trained;
        return loss(batch) * loss(batch);
    }
    void validation_step(const at::Tensor& batch) { log<"val_loss">(batch.mean()); }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::SGD{parameters(), {.lr = 0.01}},
            .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{.patience = 0}},
                                                   .monitor = "val_loss"}};
    }
};

/// Logs the numbers of its batches, 1 to 4.
struct Mean : probe::LineBase<Mean> {
    at::Tensor training_step(const at::Tensor& batch) {
        log<"v">(batch[0].item<double>(), {.on_step = false, .on_epoch = true});
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

/// Keeps hold of what it is given of the file.
struct Holds : probe::LineBase<Holds> {
    at::Tensor kept;
    std::vector<std::size_t> owners;
    at::Tensor training_step(const at::Tensor& batch) {
        owners.push_back(kept.defined() ? kept.use_count() : 0);
        return loss(batch);
    }
    void on_load_checkpoint(const lit::Dict& checkpoint) {
        kept = checkpoint.at("state_dict").at("weight").tensor();
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

}  // namespace

TEST_SUITE("loops/resumed_state") {
    TEST_CASE("a validation of no loaders is none: a file from behind it does not stand inside one") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt";
        NoValidationLoaders data;
        torch::manual_seed(1);
        Draws whole;
        auto trainer = probe::trainer({.max_epochs = 3}, SavesAt{.path = file, .step = 7});
        trainer.fit(whole, data);
        Draws resumed;
        auto again = probe::trainer({.max_epochs = 3});
        again.fit(resumed, data, {.ckpt_path = file.string()});
        REQUIRE(whole.drawn.size() == 9);
        CHECK(resumed.drawn == std::vector<double>(whole.drawn.begin() + 7, whole.drawn.end()));
    }

    TEST_CASE(
        "an epoch keeps its batch size where it goes on, also for a module that asks how long the fit will "
        "be") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt";
        const auto sizing = [] { return lit::DynamicBatchSize{{.at_epoch = {{0, 2}, {1, 4}}}}; };
        for (const bool asks : {false, true}) {
            CAPTURE(asks);
            Sized whole;
            auto data = sixteen();
            auto trainer = probe::trainer({.max_epochs = 2}, sizing(), SavesAt{.path = file, .step = 10});
            trainer.fit(whole, data);
            Sized resumed;
            resumed.asks = asks;
            auto data_again = sixteen();
            auto again = probe::trainer({.max_epochs = 2}, sizing());
            again.fit(resumed, data_again, {.ckpt_path = file.string()});
            CHECK(resumed.sizes == std::vector<std::int64_t>{4, 4});
            CHECK(resumed.firsts == std::vector<std::int64_t>{8, 12});
        }
    }

    TEST_CASE(
        "a file without metrics, as Lightning's, goes on without the plateau's step of the epoch it was "
        "written in") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt", bare = folder.path() / "bare.ckpt";
        auto train = probe::batches(4);
        auto val = probe::batches(1);
        for (const bool in_validation : {false, true}) {
            CAPTURE(in_validation);
            Monitored whole;
            std::int64_t steps = 0, steps_resumed = 0;
            auto trainer = probe::trainer(
                {.max_epochs = 2},
                in_validation ? SavesAt{.path = file, .val_end = 0} : SavesAt{.path = file, .epoch_end = 0},
                KeepsSteps{&steps});
            trainer.fit(whole, train, val);
            lit::Value content = lit::load_checkpoint(file);
            content.dict().erase("lit");
            lit::save_checkpoint_file(bare, content);
            Monitored resumed;
            auto again = probe::trainer({.max_epochs = 2}, KeepsSteps{&steps_resumed});
            {
                const semantics::Stderr told;
                again.fit(resumed, train, val, {.ckpt_path = bare.string()});
                CHECK(told.contains("The checkpoint has no metrics (Lightning's have none)"));
            }
            CHECK(resumed.trained == 4);
            // The step of the epoch that was trained here was made.
            CHECK(steps_resumed == steps - 1);
        }
    }

    TEST_CASE("a file from inside a window holds sparse gradients as dense ones") {
        const scripted::Folder folder;
        const auto file = folder.path() / "a.ckpt";
        const std::vector batches(4, at::tensor({1, 1, 2}, at::kLong));
        Words whole;
        auto saves = scripted::trainer_on_the_cpu({.max_epochs = 1}, lit::GradientAccumulation{2}, SavesFirst{file});
        saves.fit(whole, batches);
        Words resumed;
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 1}, lit::GradientAccumulation{2});
        trainer.fit(resumed, batches, {.ckpt_path = file.string()});
        CHECK(trainer.global_step() == 2);
        CHECK(resumed.words->weight.equal(whole.words->weight));
    }
    TEST_CASE("what was read from the file is let go of before training") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt";
        auto data = probe::batches(2);
        Holds module;
        auto trainer = probe::trainer({.max_epochs = 1}, SavesAt{.path = file, .epoch_end = 0});
        trainer.fit(module, data);
        Holds resumed;
        auto again = probe::trainer({.max_epochs = 2});
        again.fit(resumed, data, {.ckpt_path = file.string()});
        CHECK(resumed.owners == std::vector<std::size_t>{1, 1});
    }

    TEST_CASE("values that were added up on another device and those of this one make one mean") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt", of_device = folder.path() / "device.ckpt";
        auto data = probe::batches(4);
        Mean whole;
        auto trainer = probe::trainer({.max_epochs = 1}, SavesAt{.path = file, .step = 2});
        trainer.fit(whole, data);
        lit::Value content = lit::load_checkpoint(file);
        lit::Value& rank = content.dict().find("lit")->dict().find("ranks")->as<lit::List>()[0];
        for (lit::Value& entry : rank.dict().find("metrics")->as<lit::List>()) {
            // As a run on a GPU writes it.
            lit::Value& sum = *entry.dict().find("sum");
            sum = at::full({}, sum.to_double(), at::kFloat);
        }
        lit::save_checkpoint_file(of_device, content);
        Mean resumed;
        auto again = probe::trainer({.max_epochs = 1});
        again.fit(resumed, data, {.ckpt_path = of_device.string()});
        CHECK(again.callback_metrics().value("v") == 2.5);
        CHECK(trainer.callback_metrics().value("v") == 2.5);
    }
}
