// SPDX-License-Identifier: Apache-2.0
// A search at the beginning of a fit, or inside one, and what the fit is afterwards.
#include <lit/tuner/detail/search_run.hpp>

#include <lit/callbacks/callback.hpp>
#include <lit/core/stage_clock.hpp>
#include <lit/data/data_module.hpp>
#include <lit/tuner/batch_size_finder.hpp>
#include <lit/tuner/learning_rate_finder.hpp>

#include "loops/saves_at.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"
#include "support/hand_clock.hpp"
#include "tuner/linear_model.hpp"

#include <ATen/ops/rand.h>
#include <torch/utils.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace {

using lit::testing::HandClock;

struct Draws : tuner_test::LineModule<Draws> {
    using LineModule::LineModule;
    std::vector<double> drawn;
    torch::Tensor training_step(const lit::Example& batch) {
        drawn.push_back(at::rand({}).item<double>());
        return LineModule::training_step(batch);
    }
    auto configure_optimizers() { return sgd(hparams.lr); }
};

/// Asks how long the fit will be before the batch size is found.
struct Asks : tuner_test::LineModule<Asks> {
    using LineModule::LineModule;
    std::vector<std::int64_t> sizes;
    torch::Tensor training_step(const lit::Example& batch) {
        sizes.push_back(batch.data.size(0));
        return LineModule::training_step(batch);
    }
    auto configure_optimizers() {
        static_cast<void>(estimated_stepping_batches());
        return sgd(hparams.lr);
    }
};
struct Points : lit::DataModule<Points> {
    std::int64_t batch_size = 3;
    auto train_dataloader() { return tuner_test::loader(batch_size); }
};

}  // namespace

TEST_SUITE("tuner/search_in_fit") {
    TEST_CASE("a file that is saved after a search says where the fit is, not where it was searched") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "x.ckpt";
        torch::manual_seed(1);
        Draws whole;
        auto data = tuner_test::loader(32);
        auto trainer = tuner_test::trainer(
            {.max_epochs = 2}, lit::LearningRateFinder<>{{.num_training_steps = 5, .update_attr = false}},
            probe::SavesAt{.path = file, .epoch_end = 0});
        trainer.fit(whole, data);
        Draws resumed;
        auto again = tuner_test::trainer({.max_epochs = 2});
        again.fit(resumed, data, {.ckpt_path = file.string()});
        REQUIRE(whole.drawn.size() >= 2);
        CHECK(resumed.drawn == std::vector<double>(whole.drawn.end() - 2, whole.drawn.end()));
    }

    TEST_CASE("the batch size that was found is trained with, also where the loader was asked for before") {
        Asks module;
        Points data;
        auto trainer = tuner_test::trainer({.max_epochs = 1},
                                           lit::BatchSizeFinder<>{{.steps_per_trial = 1, .max_trials = 3}});
        trainer.fit(module, data);
        CHECK(data.batch_size > 3);
        CHECK(module.sizes.back() == 64 - (64 - 1) / data.batch_size * data.batch_size);
        CHECK(module.sizes[module.sizes.size() - 2] == data.batch_size);
    }

    TEST_CASE("a clock that is given its own state while it runs does not count the time twice") {
        using std::chrono::milliseconds;
        const HandClock time;
        lit::StageClock clock;
        clock.start(lit::RunningStage::training);
        HandClock::pass(milliseconds(50));
        clock.load_state_dict(clock.state_dict());
        CHECK(clock.time_elapsed(lit::RunningStage::training) == doctest::Approx(0.05));
    }
}
