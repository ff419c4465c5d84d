// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"
#include "support/hand_clock.hpp"

#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/stop_file.hpp>

#include <ATen/ops/full_like.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::testing::HandClock;
using scripted::Folder;
using scripted::Script;
using namespace std::chrono_literals;

static_assert(lit::CallbackPolicy<lit::StopFile>);
static_assert(!std::is_polymorphic_v<lit::StopFile>);

void touch(const std::filesystem::path& path) { std::ofstream(path) << "stop"; }

/// Makes the file in the batch that reaches that step.
struct Toucher {
    std::filesystem::path path;
    std::int64_t at_step = 2;
    std::chrono::milliseconds pause = 0ms;
    void on_train_batch_start(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() == at_step) {
            touch(path);
        }
        if (pause > 0ms) {
            HandClock::pass(pause);
        }
    }
};

/// A rank beside a rank 0 that has decided.
struct OtherRank {
    std::int64_t rank = 1;
    bool decision_of_rank_zero = false;
    std::string reason{};
    struct Collective {
        bool decision;
        std::int64_t rank;
        at::Tensor broadcast(const at::Tensor& mine, std::int64_t /*root*/) const {
            return rank == 0 ? mine : at::full_like(mine, decision ? 1.0 : 0.0);
        }
    };
    static std::int64_t world_size() { return 2; }
    [[nodiscard]] bool is_global_zero() const { return rank == 0; }
    [[nodiscard]] Collective collective() const { return {decision_of_rank_zero, rank}; }
    void request_stop(const std::string& why) { reason = why; }
};

}  // namespace

TEST_SUITE("callbacks/stop_file") {
    TEST_CASE("a file that appears ends the run in order after the batch in work") {
        const Folder folder;
        const auto path = folder.path() / "stop";
        auto trainer = scripted::trainer({.max_epochs = 9}, Toucher{path},
                                         lit::StopFile{{.path = path, .check_every = 0s}},
                                         lit::ModelCheckpoint<>{{.dirpath = folder.path()}});
        Script module;
        const auto result = trainer.fit(module, scripted::batches(4), scripted::batches(1));
        CHECK(result.finished());
        CHECK(result.global_step == 3);
        CHECK(result.epochs == 1);
        CHECK(result.reason == "the file \"" + path.string() + "\" was found");
        CHECK(trainer.get<lit::StopFile>().seen());
        CHECK(folder.files() ==
              std::vector<std::string>{"epoch=0-step=3.ckpt"});  // and the stop file is gone
        trainer.fit(module, scripted::batches(4), scripted::batches(1));
        CHECK(!trainer.get<lit::StopFile>().seen());
    }
    TEST_CASE("with a file that is there nothing is trained, and the file stays where it is to stay") {
        const Folder folder;
        touch(folder.path() / "stop");
        auto trainer = scripted::trainer(
            {.max_epochs = 9},
            lit::StopFile{{.path = folder.path() / "stop", .check_every = 1h, .remove = false}});
        Script module;
        CHECK(trainer.fit(module, scripted::batches(4)).global_step == 0);
        CHECK(folder.files().size() == 1);
    }
    TEST_CASE("min_steps is met first") {
        const Folder folder;
        const auto path = folder.path() / "stop";
        auto trainer = scripted::trainer({.max_epochs = 9, .min_steps = 6}, Toucher{path},
                                         lit::StopFile{{.path = path, .check_every = 0s}});
        Script module;
        CHECK(trainer.fit(module, scripted::batches(4)).global_step == 6);
    }
    TEST_CASE("looks no more often than it was told to") {
        const Folder folder;
        const auto path = folder.path() / "stop";
        const auto steps = [&](lit::Duration every) {
            const HandClock clock;
            std::filesystem::remove(path);
            auto trainer = scripted::trainer({.max_epochs = 1}, Toucher{path, 1, 20ms},
                                             lit::StopFile{{.path = path, .check_every = every}});
            Script module;
            return trainer.fit(module, scripted::batches(10)).global_step;
        };
        CHECK(steps(1h) == 10);
        CHECK(steps(110ms) == 6);  // the look at 0 ms is before the file, the next one at 120 ms
        CHECK(steps(0s) == 2);
    }
    TEST_CASE("rank 0 looks and decides, the others follow") {
        const Folder folder;
        const auto path = folder.path() / "stop";
        Script module;
        lit::StopFile callback{{.path = path, .check_every = 0s}};
        OtherRank other{.rank = 1, .decision_of_rank_zero = false};
        touch(path);
        callback.on_train_batch_end(other, module);
        CHECK(other.reason.empty());
        CHECK(std::filesystem::exists(path));
        other.decision_of_rank_zero = true;
        callback.on_train_batch_end(other, module);
        CHECK(!other.reason.empty());
        CHECK(std::filesystem::exists(path));  // rank 0 takes it away
        lit::StopFile first{{.path = path, .check_every = 0s}};
        OtherRank zero{.rank = 0};
        first.on_train_batch_end(zero, module);
        CHECK(!zero.reason.empty());
        CHECK(!std::filesystem::exists(path));
    }
    TEST_CASE("refuses no path, a folder and a negative interval") {
        const Folder folder;
        CHECK_THROWS_WITH_AS(lit::StopFile{{}}, doctest::Contains("StopFile: path is empty"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(lit::StopFile{{.path = folder.path()}}, doctest::Contains("is a folder"),
                             lit::ConfigError);
        const lit::StopFileOptions negative{.path = "stop", .check_every = -1s};
        CHECK_THROWS_WITH_AS(lit::StopFile{negative}, doctest::Contains("check_every is negative"),
                             lit::ConfigError);
    }
}
