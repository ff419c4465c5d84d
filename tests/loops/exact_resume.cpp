// SPDX-License-Identifier: Apache-2.0
// A run that is cut off at any point and gone on with in another process is, bit for bit, the run that was never cut off.
#include <lit/checkpoint/file.hpp>
#include <lit/core/value.hpp>

#include "loops/remains.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/zeros_like.h>

#include <cstdint>
#include <string>
#include <utility>

namespace {

constexpr std::int64_t epochs = 3;
constexpr std::int64_t batches = 13;
using remains::Remains;
using remains::Runs;
using remains::was_cut;

}  // namespace

TEST_SUITE("loops/exact_resume") {
    TEST_CASE("cut after every batch, in every validation and at every epoch's end, the run ends bit for bit the same") {
        // The data are augmented with random numbers, and gathered after the cut by 0, 1 or 4 workers in turn; every other
        // file is written in the background.
        const Runs runs;
        REQUIRE(runs.run("learner", {}) == 0);
        const Remains whole(runs.folder.path());
        std::int64_t cuts = 0;
        std::int64_t differences = 0;
        for (const auto& [where, occasions] :
             {std::pair{std::string("on_train_batch_end"), batches * epochs},
              std::pair{std::string("on_validation_batch_end"), 3 * 2 * epochs},
              std::pair{std::string("on_validation_end"), 2 * epochs}, std::pair{std::string("on_train_epoch_end"), epochs}}) {
            for (std::int64_t occasion = 0; occasion < occasions; ++occasion) {
                CAPTURE(where);
                CAPTURE(occasion);
                runs.clear();
                const std::string async = "async=" + std::to_string(cuts % 2);
                auto cut = runs.cut_at(where, occasion);
                cut.push_back(async);
                REQUIRE(runs.run("learner", cut) == was_cut);
                constexpr std::int64_t workers[] = {0, 1, 4};
                auto on = runs.from_the_cut();
                on.insert(on.end(), {"workers=" + std::to_string(workers[cuts % 3]), async});
                REQUIRE(runs.run("learner", on) == 0);
                const std::string difference = Remains(runs.folder.path()).differs_from(whole);
                CHECK(difference == "");
                differences += difference.empty() ? 0 : 1;
                ++cuts;
            }
        }
        CHECK(cuts == batches * epochs + 8 * epochs + epochs);
        MESSAGE("cut off and gone on with in a new process: ", cuts, " times, ", differences, " differences");
    }

    TEST_CASE("with any one thing left out of the file the run ends otherwise") {
        const Runs runs;
        REQUIRE(runs.run("learner", {}) == 0);
        const Remains whole(runs.folder.path());
        // After batch 8, two of three of its window, and behind a validation.
        const auto differs_after = [&](auto&& change) {
            runs.clear();
            REQUIRE(runs.run("learner", runs.cut_at("on_train_batch_end", 7)) == was_cut);
            lit::Dict file = lit::load_checkpoint(runs.path("cut.ckpt")).dict();
            change(file);
            lit::save_checkpoint_file(runs.path("cut.ckpt"), file);
            return runs.run("learner", runs.from_the_cut()) != 0 || !Remains(runs.folder.path()).differs_from(whole).empty();
        };
        CHECK_FALSE(differs_after([](lit::Dict&) {}));
        for (const char* key : {"rng_state", "metrics", "train_loader", "validation_rows"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) {
                CHECK(all["lit"].dict()["ranks"].as<lit::List>()[0].dict().erase(key));
            }));
        }
        for (const char* key : {"gradients", "loggers"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all["lit"].dict().erase(key)); }));
        }
        for (const char* key : {"callbacks", "current_model_state", "averaging_state", "GrowingScale"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all.erase(key)); }));
        }
        for (const char* key : {"epoch_progress", "epoch_loop.batch_progress", "epoch_loop.state_dict",
                                "epoch_loop.automatic_optimization.optim_progress"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all["loops"].dict()["fit_loop"].dict().erase(key)); }));
        }
        const auto forget = [](lit::Value& tensor) { tensor = at::zeros_like(tensor.tensor()); };
        CHECK(differs_after([&](lit::Dict& all) { forget(all["current_model_state"].dict()["norm.running_mean"]); }));
        CHECK(differs_after([&](lit::Dict& all) {
            for (auto& [index, state] : all["optimizer_states"].as<lit::List>()[0].dict()["state"].dict()) {
                forget(state.dict()["exp_avg"]);
            }
        }));
        CHECK(differs_after([](lit::Dict& all) { all["lr_schedulers"].as<lit::List>()[0].dict()["best"] = -1.0; }));
    }
}
