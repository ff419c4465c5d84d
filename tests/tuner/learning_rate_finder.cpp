// SPDX-License-Identifier: Apache-2.0
#include <lit/tuner/learning_rate_finder.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/optim/adam.hpp>
#include <lit/tuner/tuner.hpp>

#include "support/doctest.hpp"
#include "tuner/lightning_searches.hpp"
#include "tuner/linear_model.hpp"

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tuner_test::Line;
using tuner_test::LineModule;
using tuner_test::loader;
using tuner_test::trainer;
using Finder = lit::LearningRateFinder<>;

static_assert(lit::CallbackPolicy<Finder> && !std::is_polymorphic_v<Finder>);

// The learning rates come from std::pow alone; the losses from kernels whose order of summation depends on the
// processor, in single precision.
void check_same(const std::optional<lit::LRFindResult>& found, const tuner_test::PinnedSearch& expected) {
    REQUIRE(found.has_value());
    REQUIRE(found->results.lr.size() == expected.lr.size());
    REQUIRE(found->results.loss.size() == expected.loss.size());
    for (std::size_t i = 0; i < expected.lr.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(found->results.lr[i] - expected.lr[i]) <= 1e-14 * expected.lr[i]);
        CHECK(std::abs(found->results.loss[i] - expected.loss[i]) <= 1e-6 * expected.loss[i]);
    }
    REQUIRE(found->suggestion().has_value());
    CHECK(std::abs(*found->suggestion() - expected.suggestion) <= 1e-14 * expected.suggestion);
}

struct AdamLine : LineModule<AdamLine> {
    using LineModule::LineModule;
    auto configure_optimizers() { return lit::Adam{parameters(), {.lr = hparams.lr, .fused = false}}; }
};

/// The learning rate at the start of each epoch.
struct Rates {
    std::vector<double> seen;
    void on_train_epoch_start(auto& trainer, auto& /*module*/) {
        trainer.for_each_optimizer(
            [&](auto, auto& optimizer) { seen.push_back(lit::learning_rate(optimizer)); });
    }
};
/// What a component is told of a search: nothing.
struct Counts {
    std::int64_t* batches;
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/) { ++*batches; }
};

}  // namespace

TEST_SUITE("tuner/learning_rate_finder") {
    TEST_CASE("the learning rates, the smoothed losses and the suggestion are Lightning's") {
        auto data = loader();
        SUBCASE("exponential") {
            auto t = trainer({.max_epochs = 20});
            Line line;
            check_same(lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-4, .num_training = 40}),
                       tuner_test::exponential);
            CHECK(line.hparams.lr == doctest::Approx(tuner_test::exponential.suggestion).epsilon(1e-14));
        }
        SUBCASE("linear") {
            auto t = trainer({.max_epochs = 20});
            Line line;
            check_same(
                lit::Tuner{t}.lr_find(
                    line, data,
                    {.min_lr = 1e-4, .max_lr = 0.3, .num_training = 40, .mode = lit::LRFindMode::linear}),
                tuner_test::linear);
        }
        SUBCASE("a loss that runs away ends the search") {
            auto t = trainer({.max_epochs = 20});
            Line line;
            check_same(lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-3, .max_lr = 10, .num_training = 60}),
                       tuner_test::diverging);
            CHECK(tuner_test::diverging.lr.size() < 60);
        }
        SUBCASE("windows and clipping stay, and batches that close no window do not count") {
            auto t = trainer({.max_epochs = 20}, lit::GradientAccumulation{3}, lit::GradientClip{0.5});
            Line line;
            check_same(lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-3, .num_training = 20}),
                       tuner_test::window);
        }
        SUBCASE("max_epochs ends it") {
            auto t = trainer({.max_epochs = 2});
            Line line;
            check_same(lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-3, .num_training = 40}),
                       tuner_test::ends_early);
        }
        SUBCASE("with Adam") {
            auto t = trainer({.max_epochs = 20});
            AdamLine line;
            check_same(lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-5, .num_training = 30}),
                       tuner_test::adam);
        }
    }

    TEST_CASE("after steps were made, the loss counts from these, and a threshold stops at once") {
        auto data = loader();
        auto t = trainer({.max_epochs = 1});
        Line line;
        t.fit(line, data);
        t.options().max_epochs = 20;
        // Lightning 2.6.6, the same: one point, no suggestion; without a threshold all of them.
        const auto stopped = lit::Tuner{t}.lr_find(line, data, {.min_lr = 1e-3, .num_training = 20});
        REQUIRE(stopped.has_value());
        CHECK(stopped->results.lr == std::vector<double>{1e-3});
        CHECK(stopped->results.loss.front() == doctest::Approx(0.30620784444437993).epsilon(1e-6));
        CHECK(!stopped->suggestion().has_value());
        CHECK(line.hparams.lr == 0.1);
        const auto whole = lit::Tuner{t}.lr_find(
            line, data, {.min_lr = 1e-3, .num_training = 20, .early_stop_threshold = std::nullopt});
        REQUIRE(whole.has_value());
        REQUIRE(whole->results.loss.size() == 20);
        CHECK(whole->results.loss[0] == doctest::Approx(0.30620784444437993).epsilon(1e-6));
        CHECK(whole->results.lr[19] == 1.0);
        CHECK(t.global_step() == 8);
    }

    TEST_CASE("in a fit, training begins as if nothing had happened, with the rate that was found") {
        auto data = loader();
        std::int64_t batches = 0;
        auto t = trainer({.max_epochs = 20, .max_steps = 24},
                         Finder{{.min_lr = 1e-4, .num_training_steps = 40}}, Rates{}, Counts{&batches});
        Line line;
        const auto result = t.fit(line, data);
        CHECK(result.global_step == 24);
        CHECK(batches == 24);
        // Lightning 2.6.6, LearningRateFinder(min_lr=1e-4, num_training_steps=40) and StepLR(1, 0.5), three epochs.
        CHECK(line.hparams.lr == doctest::Approx(0.0012589254117941675).epsilon(1e-14));
        const std::vector<double> rates{0.0012589254117941675, 0.0006294627058970837, 0.00031473135294854187};
        CHECK(t.get<Rates>().seen.size() == 3);
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(t.get<Rates>().seen[i] == doctest::Approx(rates[i]).epsilon(1e-14));
        }
        const auto weight = line.w->weight.detach();
        const double expected[] = {0.2925695478916168, -0.2841355502605438, 0.18360117077827454,
                                   0.04489109292626381};
        for (std::int64_t i = 0; i < 4; ++i) {
            CHECK(weight[0][i].item<double>() == doctest::Approx(expected[i]).epsilon(1e-6));
        }
        CHECK(t.get<Finder>().optimal_lr().has_value());
    }

    namespace {
    struct Draws : LineModule<Draws> {
        using LineModule::LineModule;
        bool fails = false;
        torch::Tensor training_step(const lit::Example& batch) {
            if (fails && global_step() == 3) {
                throw std::runtime_error("a step that fails");
            }
            return torch::mse_loss(w(batch.data), batch.target) + 0.01 * torch::rand({});
        }
        auto configure_optimizers() { return sgd(hparams.lr); }
    };
    }  // namespace

    TEST_CASE(
        "weights, gradients, modes, counters and the random state are restored, also when a step throws") {
        auto data = lit::DataLoader{tuner_test::points(), {.batch_size = 8, .shuffle = true}};
        auto t = trainer({.max_epochs = 20});
        Draws module;
        module.w->eval();
        const auto before = tuner_test::copy_of(module);
        torch::manual_seed(7);
        const at::Tensor random = lit::get_rng_state();
        SUBCASE("at its end") {
            CHECK(lit::Tuner{t}.lr_find(module, data, {.num_training = 20})->results.lr.size() == 20);
        }
        SUBCASE("when it throws") {
            module.fails = true;
            CHECK_THROWS_WITH(lit::Tuner{t}.lr_find(module, data, {.num_training = 20}), "a step that fails");
            CHECK(module.hparams.lr == 0.1);
        }
        CHECK(tuner_test::same(before, module));
        CHECK(at::equal(random, lit::get_rng_state()));
        CHECK(t.global_step() == 0);
        CHECK(t.current_epoch() == 0);
        CHECK(!module.w->is_training());
        CHECK(module.is_training());
        for (const at::Tensor& parameter : module.parameters()) {
            CHECK(!parameter.grad().defined());
        }
    }

    namespace {
    struct OwnName {
        double rate = 0.3;
        std::optional<double> warmup{};
    };
    struct Named : LineModule<Named, OwnName> {
        using LineModule::LineModule;
        double own = 0.5;
        auto configure_optimizers() { return sgd(own); }
    };
    struct RateData : lit::DataModule<RateData> {
        float learning_rate = 0.0F;
        auto train_dataloader() { return loader(); }
    };
    struct SeveralNames : LineModule<SeveralNames> {
        using LineModule::LineModule;
        double lr = 1.0;
        auto configure_optimizers() { return sgd(lr); }
    };
    struct Skips : LineModule<Skips> {
        using LineModule::LineModule;
        std::optional<torch::Tensor> training_step(const lit::Example& batch, std::int64_t batch_idx) {
            if (batch_idx % 3 == 1) {
                return std::nullopt;
            }
            return torch::mse_loss(w(batch.data), batch.target);
        }
        auto configure_optimizers() { return sgd(hparams.lr); }
    };
    }  // namespace

    TEST_CASE("the learning rate is written wherever it is, by name or by member") {
        auto t = trainer({.max_epochs = 20});
        lit::Tuner tuner{t};
        auto data = loader();
        const double found = tuner_test::exponential.suggestion;
        const lit::LRFindOptions options{.min_lr = 1e-4, .num_training = 40};
        Named named;
        tuner.lr_find<"rate">(named, data, options);
        CHECK(named.hparams.rate == doctest::Approx(found));
        CHECK(named.own == 0.5);
        tuner.lr_find<&Named::own>(named, data, options);
        CHECK(named.own == doctest::Approx(found));
        tuner.lr_find<&OwnName::warmup>(named, data, options);
        CHECK(named.hparams.warmup.value() == doctest::Approx(found));
        lit::LRFindOptions by_name = options;
        by_name.attr_name = "warmup";
        named.hparams.warmup.reset();
        tuner.lr_find(named, data, by_name);
        CHECK(named.hparams.warmup.has_value());
        RateData rates;
        tuner.lr_find(named, rates, options);
        CHECK(static_cast<double>(rates.learning_rate) == doctest::Approx(found).epsilon(1e-6));
        SeveralNames several;
        tuner.lr_find(several, data, options);
        CHECK(several.lr == doctest::Approx(found));
        CHECK(several.hparams.lr == doctest::Approx(found));
    }

    TEST_CASE("a name that is not there is refused, and not looked for where nothing is set") {
        auto t = trainer({.max_epochs = 20});
        lit::Tuner tuner{t};
        auto data = loader();
        Named named;
        CHECK_THROWS_WITH_AS(tuner.lr_find(named, data), doctest::Contains("lr or learning_rate"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(tuner.lr_find(named, data), doctest::Contains("Known: rate, warmup"),
                             lit::ConfigError);
        CHECK_THROWS_AS(tuner.lr_find<"rat">(named, data), lit::ConfigError);
        CHECK(tuner.lr_find(named, data, {.num_training = 20, .update_attr = false}).has_value());
        CHECK(named.hparams.rate == 0.3);
    }

    TEST_CASE("a step without a loss is a point that does not count") {
        auto t = trainer({.max_epochs = 20});
        Skips module;
        auto data = loader();
        const auto found = lit::Tuner{t}.lr_find(module, data, {.min_lr = 1e-3, .num_training = 20});
        REQUIRE(found.has_value());
        REQUIRE(found->results.loss.size() == found->results.lr.size());
        CHECK(std::isnan(found->results.loss[1]));
        CHECK(std::isfinite(found->results.loss[2]));
        CHECK(found->suggestion().has_value());
    }

    TEST_CASE("fast_dev_run leaves the search out") {
        auto t = trainer({.fast_dev_run = 1}, Finder{});
        Line line;
        auto data = loader();
        t.fit(line, data);
        CHECK(!t.get<Finder>().optimal_lr().has_value());
        CHECK(line.hparams.lr == 0.1);
    }

    TEST_CASE("settings that cannot be carried out are refused where they are given") {
        CHECK_THROWS_WITH_AS(Finder({.min_lr = 0.0}), doctest::Contains("min_lr"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.min_lr = 0.1, .max_lr = 0.1}), doctest::Contains("max_lr"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.num_training_steps = 0}), doctest::Contains("num_training_steps"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(Finder({.early_stop_threshold = -1.0}),
                             doctest::Contains("early_stop_threshold"), lit::ConfigError);
    }

    namespace {
    /// As Lightning's documentation shows it: at chosen epochs.
    struct AtEpochs : lit::LearningRateFinder<> {
        using LearningRateFinder::LearningRateFinder;
        std::vector<std::size_t> points;
        void on_fit_start(auto& /*trainer*/, auto& /*module*/) {}
        void on_train_epoch_start(auto& trainer, auto& module) {
            if (trainer.current_epoch() == 1) {
                lr_find(trainer, module);
                points.push_back(optimal_lr()->results.lr.size());
            }
        }
    };
    }  // namespace

    TEST_CASE("a derived finder searches at another moment") {
        auto data = loader();
        auto t = trainer(
            {.max_epochs = 3},
            AtEpochs{{.num_training_steps = 12, .early_stop_threshold = std::nullopt, .update_attr = false}});
        auto plain = trainer({.max_epochs = 3});
        Line line;
        Line other;
        t.fit(line, data);
        plain.fit(other, data);
        CHECK(t.get<AtEpochs>().points == std::vector<std::size_t>{12});
        CHECK(t.global_step() == 24);
        CHECK(tuner_test::same(tuner_test::copy_of(other), line));
    }
}
