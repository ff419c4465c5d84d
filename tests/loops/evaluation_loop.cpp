// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/evaluation_loop.hpp>

#include <lit/loops/prediction_loop.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <ATen/core/grad_mode.h>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>

#include <memory>
#include <tuple>
#include <utility>

namespace {

using Several = std::vector<std::vector<at::Tensor>>;

struct Evaluated : probe::LineBase<Evaluated> {
    lit::LogOptions options;
    std::vector<std::pair<std::int64_t, std::int64_t>> seen;

    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor& batch, std::int64_t batch_idx, std::int64_t loader) {
        seen.emplace_back(loader, batch_idx);
        log<"v">(batch.mean(), options);
        log<"w">(batch_idx, {.on_step = true, .on_epoch = true});
    }
    void on_validation_epoch_end() { log<"all">(3.0); }
    void test_step(const at::Tensor& batch) { log<"t">(batch.mean()); }
    at::Tensor predict_step(const at::Tensor& batch, std::int64_t, std::int64_t loader) {
        return batch + 10 * loader;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

/// In its first validation one of its parts goes, and another comes.
struct Grows : probe::LineBase<Grows> {
    torch::nn::Dropout first = register_module("first", torch::nn::Dropout());
    torch::nn::Dropout frozen = register_module("frozen", torch::nn::Dropout());
    torch::nn::Dropout last = register_module("last", torch::nn::Dropout());
    bool grown = false;

    Grows() { frozen->eval(); }
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor& /*batch*/) {
        if (!std::exchange(grown, true)) {
            unregister_module("first");
            register_module("new", torch::nn::Dropout());
        }
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct Modes : lit::Module<Modes> {
    torch::nn::Sequential body;
    torch::nn::Dropout frozen;
    bool training_inside = true, gradients = true, inference = false;
    Modes() {
        body = register_module("body", torch::nn::Sequential(torch::nn::BatchNorm1d(1)));
        frozen = register_module("frozen", torch::nn::Dropout());
        frozen->eval();
    }
    void validation_step(const at::Tensor&) {
        training_inside = is_training() || body->is_training();
        gradients = at::GradMode::is_enabled();
        inference = c10::InferenceMode::is_enabled();
    }
};

/// A batch that becomes another type on its way to the device.
struct Raw {
    std::int64_t number = 0;
};
struct Transformed : probe::LineBase<Transformed> {
    at::Tensor on_before_batch_transfer(const Raw& raw) {
        return at::full({1}, static_cast<double>(raw.number));
    }
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    at::Tensor predict_step(const at::Tensor& batch) { return batch * 2; }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

}  // namespace

TEST_SUITE("loops/evaluation_loop") {
    TEST_CASE("several loaders have their index behind the name, and share what the epoch's end logs") {
        // As Lightning names and returns them.
        Evaluated module;
        Several val{probe::batches(1), probe::batches(3)};
        auto trainer = probe::trainer({});
        const auto results = trainer.validate(module, val, {.verbose = false});
        REQUIRE(results.size() == 2);
        CHECK(results[0] ==
              lit::Metrics{{"all", 3.0}, {"v/dataloader_idx_0", 1.0}, {"w_epoch/dataloader_idx_0", 0.0}});
        CHECK(results[1] ==
              lit::Metrics{{"all", 3.0}, {"v/dataloader_idx_1", 2.0}, {"w_epoch/dataloader_idx_1", 1.0}});
        CHECK(module.seen ==
              std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0}, {1, 0}, {1, 1}, {1, 2}});
        CHECK(trainer.callback_metrics().contains("v/dataloader_idx_1"));
        CHECK(trainer.callback_metrics().contains("w/dataloader_idx_1"));
        CHECK_FALSE(trainer.callback_metrics().contains("v"));
    }

    TEST_CASE("one loader has no index, a range of one neither, and an empty range is no validation") {
        Evaluated module;
        auto trainer = probe::trainer({});
        std::vector<at::Tensor> one = probe::batches(2);
        CHECK(trainer.validate(module, one, {.verbose = false})[0].at("v") == 1.5);
        Several range{one};
        CHECK(trainer.validate(module, range, {.verbose = false})[0].at("v") == 1.5);
        Several none;
        CHECK(trainer.validate(module, none, {.verbose = false}).empty());
        auto train = probe::batches(1);
        auto fitting = probe::trainer({.max_epochs = 1});
        module.seen.clear();
        CHECK(fitting.fit(module, train, none).finished());
        CHECK(module.seen.empty());
    }

    TEST_CASE("loaders of different types stand in a tuple") {
        Evaluated module;
        std::array<at::Tensor, 1> fixed{at::full({1}, 5.0)};
        auto own = std::make_unique<std::vector<at::Tensor>>(probe::batches(2));
        auto pair = std::tuple(probe::batches(1), std::move(own));
        auto trainer = probe::trainer({});
        const auto results = trainer.validate(module, pair, {.verbose = false});
        REQUIRE(results.size() == 2);
        CHECK(results[1].at("v/dataloader_idx_1") == 1.5);
    }

    TEST_CASE("without the index in its name a value may come from one loader only") {
        Evaluated module;
        module.options = {.add_dataloader_idx = false};
        Several val{probe::batches(1), probe::batches(1)};
        auto trainer = probe::trainer({});
        CHECK_THROWS_WITH_AS(trainer.validate(module, val, {.verbose = false}),
                             doctest::Contains("twice in validation_step with different arguments"),
                             lit::Error);
    }

    TEST_CASE("limits count batches of each loader") {
        Evaluated module;
        Several data{probe::batches(4), probe::batches(1)};
        auto trainer =
            probe::trainer({.limit_val_batches = 2, .limit_test_batches = 0.5, .limit_predict_batches = 3});
        trainer.validate(module, data, {.verbose = false});
        CHECK(module.seen.size() == 3);
        CHECK_THROWS_AS(trainer.test(module, data, {.verbose = false}),
                        lit::ConfigError);  // half of one batch
        auto one = probe::batches(4);
        CHECK(trainer.test(module, one, {.verbose = false})[0].at("t") == 1.5);
        const auto predictions = trainer.predict(module, data);
        REQUIRE(predictions.size() == 2);
        CHECK(predictions[0].size() == 3);
        CHECK(predictions[1].size() == 1);
        CHECK(predictions[1][0][0].item<float>() == 11.0F);
    }

    TEST_CASE("modes are restored part by part, and no gradients are recorded") {
        Modes module;
        auto val = probe::batches(1);
        auto trainer = probe::trainer({});
        trainer.validate(module, val, {.verbose = false});
        CHECK_FALSE(module.training_inside);
        CHECK_FALSE(module.gradients);
        CHECK(module.inference);
        CHECK(module.is_training());
        CHECK(module.body->is_training());
        CHECK_FALSE(module.frozen->is_training());
        auto plain = probe::trainer({.inference_mode = false});
        plain.validate(module, val, {.verbose = false});
        CHECK_FALSE(module.gradients);
        CHECK_FALSE(module.inference);
    }

    TEST_CASE("a batch may become another type on its way to the device") {
        Transformed module;
        std::vector<Raw> data{{1}, {2}};
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, data);
        CHECK(module.value() == 1.0F - 1.0F - 2.0F);
        CHECK(trainer.predict(module, data)[0][1].item<float>() == 4.0F);
    }

    TEST_CASE(
        "what is registered during an evaluation, or taken out, does not move the modes of the others") {
        Grows module;
        auto train = probe::batches(1);
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, train, val);
        CHECK(module.is_training());
        CHECK_FALSE(module.frozen->is_training());
        CHECK(module.last->is_training());
        CHECK(module.named_children()["new"]->is_training());
    }
}
