// SPDX-License-Identifier: Apache-2.0
#include <lit/tuner/batch_size_finder.hpp>

#include <lit/core/rng_state.hpp>
#include <lit/tuner/tuner.hpp>

#include "support/doctest.hpp"
#include "tuner/linear_model.hpp"

#include <c10/util/Exception.h>
#include <torch/types.h>

#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using Finder = lit::BatchSizeFinder<>;
using lit::Stage;
using tuner_test::trainer;
using Sizes = std::vector<std::int64_t>;

static_assert(lit::CallbackPolicy<Finder> && !std::is_polymorphic_v<Finder>);

constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

lit::TensorDataset numbers(std::int64_t count) {
    return {torch::arange(count).to(torch::kFloat).unsqueeze(1), torch::zeros(count)};
}

struct Numbers : lit::DataModule<Numbers> {
    explicit Numbers(std::int64_t count) : samples(count) {}
    std::int64_t samples;
    std::int64_t batch_size = 7;
    std::int64_t asked = 0;
    auto loader() {
        ++asked;
        return lit::DataLoader{numbers(samples), {.batch_size = batch_size}};
    }
    auto train_dataloader() { return loader(); }
    auto val_dataloader() { return loader(); }
    auto test_dataloader() { return loader(); }
    auto predict_dataloader() { return loader(); }
};

enum class Fault { none, c10, text, bad_alloc, other };

/// Runs out of memory with more than `limit` samples.
struct Hungry : lit::Module<Hungry> {
    torch::nn::Linear w{nullptr};
    std::int64_t limit;
    Fault fault = Fault::text;
    Sizes trained;
    Sizes evaluated;

    explicit Hungry(std::int64_t most = no_limit) : limit(most) {
        w = register_module("w", torch::nn::Linear(1, 1));
    }
    torch::Tensor eat(const lit::Example& batch, Sizes& sizes) {
        sizes.push_back(batch.data.size(0));
        if (sizes.back() > limit) {
            switch (fault) {
                case Fault::c10:
                    TORCH_CHECK_WITH(OutOfMemoryError, false, "the device is full");
                case Fault::text:
                    throw std::runtime_error("CUDA error: out of memory");
                case Fault::bad_alloc:
                    throw std::bad_alloc();
                default:
                    throw std::runtime_error("something else");
            }
        }
        return w(batch.data / 1000).sum();
    }
    torch::Tensor training_step(const lit::Example& batch) { return eat(batch, trained); }
    void validation_step(const lit::Example& batch) { eat(batch, evaluated); }
    void test_step(const lit::Example& batch) { eat(batch, evaluated); }
    torch::Tensor predict_step(const lit::Example& batch) { return eat(batch, evaluated); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1e-3}}; }

    /// Each size once, in the order in which it was tried first.
    static Sizes tried(const Sizes& all) {
        Sizes once;
        for (const std::int64_t size : all) {
            if (once.empty() || once.back() != size) {
                once.push_back(size);
            }
        }
        return once;
    }
};

struct Case {
    std::string what;
    std::int64_t samples;
    std::int64_t limit;
    lit::BatchSizeFinderOptions options;
    std::int64_t found;
    Sizes sizes;
};

}  // namespace

TEST_SUITE("tuner/batch_size_finder") {
    TEST_CASE("the sizes that are tried, and the one that is found, are Lightning's") {
        using enum lit::BatchSizeMode;
        // Lightning 2.6.6, Tuner(Trainer(max_epochs=100)).scale_batch_size(model, datamodule=...), the sizes of its messages.
        const std::vector<Case> cases{
            {"doubled until one fails", 1000, 100, {}, 64, {2, 4, 8, 16, 32, 64, 128}},
            {"bisected",
             1000,
             100,
             {.mode = binsearch},
             95,
             {2, 4, 8, 16, 32, 64, 128, 96, 112, 104, 100, 102, 101}},
            {"bisected without a margin",
             1000,
             100,
             {.mode = binsearch, .margin = 0.0},
             100,
             {2, 4, 8, 16, 32, 64, 128, 96, 112, 104, 100, 102, 101}},
            {"max_val", 1000, no_limit, {.max_val = 50}, 64, {2, 4, 8, 16, 32}},
            {"max_val, bisected", 1000, no_limit, {.mode = binsearch, .max_val = 50}, 47, {2, 4, 8, 16, 32}},
            {"max_trials", 1000, no_limit, {.max_trials = 3}, 8, {2, 4, 8}},
            {"max_trials, bisected", 1000, no_limit, {.mode = binsearch, .max_trials = 3}, 7, {2, 4, 8}},
            // Not Lightning's, whose first trial still has the size that was set before: 200 there.
            {"a first size that is too large",
             1000,
             60,
             {.steps_per_trial = 1, .init_val = 200},
             50,
             {200, 100, 50, 100}},
            {"a first size that is too large, bisected",
             1000,
             60,
             {.mode = binsearch, .steps_per_trial = 1, .init_val = 200, .margin = 0.0},
             60,
             {200, 100, 50, 75, 62, 56, 59, 60, 61}},
        };
        for (const Case& row : cases) {
            CAPTURE(row.what);
            auto t = trainer({.max_epochs = 100});
            Hungry module(row.limit);
            Numbers data(row.samples);
            CHECK(lit::Tuner{t}.scale_batch_size(module, data, row.options) == row.found);
            CHECK(data.batch_size == row.found);
            CHECK(Hungry::tried(module.trained) == row.sizes);
        }
    }

    TEST_CASE("a size that covers the dataset ends the search; validation runs where it falls due") {
        auto t = trainer({.max_epochs = 100});
        Hungry module;
        Numbers data(30);
        CHECK(lit::Tuner{t}.scale_batch_size(module, data) == 32);
        // Lightning 2.6.6, but for its first trial: [7, 7, 7, 4, 4, 4, 8, 8, 8, 16, 14, 16, 30, 30, 30], [16, 14, 30, 30, 30].
        CHECK(module.trained == Sizes{2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 14, 16, 30, 30, 30});
        CHECK(module.evaluated == Sizes{16, 14, 30, 30, 30});
        SUBCASE("and is halved when it fails") {
            Hungry small(20);
            Numbers again(30);
            CHECK(lit::Tuner{t}.scale_batch_size(small, again) == 16);
        }
    }

    TEST_CASE("in a fit, all is as it was, with the batch size that was found") {
        auto t = trainer({.max_epochs = 1}, Finder{{.max_trials = 3}});
        auto plain = trainer({.max_epochs = 1});
        torch::manual_seed(3);
        Hungry module;
        torch::manual_seed(3);
        Hungry other;
        Numbers data(40);
        Numbers same(40);
        same.batch_size = 8;
        t.fit(module, data);
        plain.fit(other, same);
        CHECK(data.batch_size == 8);
        CHECK(t.get<Finder>().optimal_batch_size() == 8);
        CHECK(t.global_step() == 5);
        CHECK(tuner_test::same(tuner_test::copy_of(other), module));
    }

    TEST_CASE("validation, test and prediction are tried with batches of theirs, and go on with the size") {
        auto t = trainer({}, Finder{});
        Hungry module(100);
        Numbers data(1000);
        const Sizes tried{2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64, 128};
        Sizes all = tried;
        all.insert(all.end(), 15, 64);
        all.push_back(40);
        SUBCASE("validate") { t.validate(module, data, {.verbose = false}); }
        SUBCASE("test") { t.test(module, data, {.verbose = false}); }
        SUBCASE("predict") { CHECK(t.predict(module, data)[0].size() == 16); }
        CHECK(module.evaluated == all);
        CHECK(data.batch_size == 64);
        CHECK(module.is_training());
    }

    TEST_CASE("the tuner tries the stage that is named, and ends there") {
        auto t = trainer({});
        lit::Tuner tuner{t};
        for (const int stage : {0, 1, 2}) {
            CAPTURE(stage);
            Hungry module(100);
            Numbers data(1000);
            CHECK((stage == 0   ? tuner.scale_batch_size<Stage::validate>(module, data)
                   : stage == 1 ? tuner.scale_batch_size<Stage::test>(module, data)
                                : tuner.scale_batch_size<Stage::predict>(module, data)) == 64);
            CHECK(module.evaluated.size() == 19);
            CHECK(module.is_training());
        }
    }

    TEST_CASE("a trial runs also where the fit before has reached its epochs") {
        auto t = trainer({.max_epochs = 1});
        Hungry module(8);
        Numbers data(64);
        lit::Tuner tuner{t};
        CHECK(tuner.scale_batch_size<Stage::fit>(module, data) == 8);
        data.batch_size = 2;
        t.fit(module, data);
        module.trained.clear();
        CHECK(tuner.scale_batch_size<Stage::fit>(module, data) == 8);
        CHECK(module.trained.size() >= 3);
    }

    TEST_CASE("running out of memory has several names, and nothing else is one") {
        for (const Fault fault : {Fault::c10, Fault::text, Fault::bad_alloc}) {
            auto t = trainer({.max_epochs = 1});
            Hungry module(10);
            module.fault = fault;
            Numbers data(100);
            CHECK(lit::Tuner{t}.scale_batch_size(module, data) == 8);
        }
        auto t = trainer({.max_epochs = 1});
        Hungry module(10);
        module.fault = Fault::other;
        const auto before = tuner_test::copy_of(module);
        const at::Tensor random = lit::get_rng_state();
        Numbers data(100);
        CHECK_THROWS_WITH(lit::Tuner{t}.scale_batch_size(module, data), "something else");
        CHECK(tuner_test::same(before, module));
        CHECK(at::equal(random, lit::get_rng_state()));
        CHECK(t.global_step() == 0);
        // What LibTorch itself says when the CPU's memory runs out.
        std::string text;
        try {
            static_cast<void>(torch::empty({std::int64_t{1} << 60}));
        } catch (const std::exception& error) {
            CHECK(lit::detail::is_out_of_memory(error));
            text = error.what();
        }
        CHECK(text.find("DefaultCPUAllocator") != std::string::npos);
        CHECK(!lit::detail::is_out_of_memory(std::runtime_error("out of patience")));
    }

    namespace {
    struct SizeHParams {
        int size = 4;
    };
    struct OwnSize : lit::Module<OwnSize, SizeHParams> {
        torch::nn::Linear w{nullptr};
        std::optional<std::int64_t> other{4};
        OwnSize() { w = register_module("w", torch::nn::Linear(1, 1)); }
        torch::Tensor training_step(const lit::Example& batch) { return w(batch.data / 1000).sum(); }
        auto train_dataloader() {
            return lit::DataLoader{numbers(12), {.batch_size = std::max<std::int64_t>(hparams.size, *other)}};
        }
        auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1e-3}}; }
    };
    struct TwoLoaders : lit::DataModule<TwoLoaders> {
        std::int64_t batch_size = 2;
        auto val_dataloader() {
            std::vector<lit::DataLoader<lit::TensorDataset>> loaders;
            loaders.emplace_back(numbers(4), lit::DataLoaderOptions{.batch_size = batch_size});
            loaders.emplace_back(numbers(4), lit::DataLoaderOptions{.batch_size = batch_size});
            return loaders;
        }
    };
    }  // namespace

    TEST_CASE("the size may stand in hparams or be a member, and a module may have its own loaders") {
        auto t = trainer({.max_epochs = 1});
        lit::Tuner tuner{t};
        OwnSize module;
        CHECK(tuner.scale_batch_size<Stage::fit, "size">(module) == 16);
        CHECK(module.hparams.size == 16);
        CHECK(tuner.scale_batch_size<Stage::fit, &OwnSize::other>(module) == 16);
        CHECK(*module.other == 16);
        module.hparams.size = 4;
        CHECK(tuner.scale_batch_size(module, {.batch_arg_name = "size"}) == 16);
    }

    TEST_CASE("what cannot be searched is refused") {
        auto t = trainer({.max_epochs = 1});
        lit::Tuner tuner{t};
        OwnSize nameless;
        CHECK_THROWS_WITH_AS(tuner.scale_batch_size(nameless), doctest::Contains("batch_size"),
                             lit::ConfigError);
        Hungry module;
        TwoLoaders two;
        CHECK_THROWS_WITH_AS(tuner.scale_batch_size<Stage::validate>(module, two),
                             doctest::Contains("2 loaders"), lit::ConfigError);
        Hungry starving(0);
        Numbers data(100);
        CHECK_THROWS_WITH_AS(tuner.scale_batch_size(starving, data), doctest::Contains("one sample"),
                             lit::Error);
        CHECK_THROWS_WITH_AS(Finder({.steps_per_trial = 0}), doctest::Contains("steps_per_trial"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.init_val = 0}), doctest::Contains("init_val"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.max_trials = 0}), doctest::Contains("max_trials"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.margin = 1.0}), doctest::Contains("margin"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.max_val = 0}), doctest::Contains("max_val"), lit::ConfigError);
        auto quick = trainer({.fast_dev_run = 1});
        CHECK(!lit::Tuner{quick}.scale_batch_size(module, data).has_value());
    }
}
