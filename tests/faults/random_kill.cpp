// SPDX-License-Identifier: Apache-2.0
// A training run that saves in the background after every step is killed at random moments, and goes on in a new process
// each time from the last checkpoint that it finds.
#include "faults/training.hpp"
#include "support/doctest.hpp"

#include <ATen/Parallel.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

namespace {

namespace fs = std::filesystem;
using faults::Expected;
using faults::Folder;
using faults::Found;
using faults::Said;

constexpr std::int64_t epochs = 4;
constexpr std::int64_t batches = 10;
constexpr std::int64_t saves_a_step = 2;  // the newest and the last

lit::ModelCheckpoint<> each_step(const fs::path& folder, std::int64_t top_k = 1) {
    return lit::ModelCheckpoint<>{{.dirpath = folder / "checkpoints",
                                   .filename = "{step}",
                                   .save_last = top_k == 1,
                                   .save_top_k = top_k,
                                   .every_n_train_steps = 1}};
}

}  // namespace

TEST_SUITE("faults/random_kill") {
    TEST_CASE("killed at 1,000 random moments, a run that saves in the background loses nothing that was saved") {
        at::set_num_threads(1);
        const Folder whole("whole");
        const Said nobody;
        const auto start = std::chrono::steady_clock::now();
        REQUIRE(faults::in_child([&] {
                    return faults::train({.folder = whole.path, .epochs = epochs, .batches = batches}, nobody, each_step(whole.path, -1));
                }) == 0);
        const auto length = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
        const Expected expected = faults::expected_of(whole.path / "checkpoints");
        REQUIRE(expected.size() == epochs * batches);

        constexpr int kills = 1000;
        std::mt19937 random(20261127);
        std::uniform_int_distribution<std::int64_t> moment(0, length.count());
        int killed = 0;
        int finished = 0;
        int lost = 0;
        int leftovers = 0;
        std::int64_t lives = 0;
        const Folder folder("killed");
        std::int64_t begins_at = 0;  // the step of the checkpoint that the next life goes on from
        while (killed < kills) {
            const Said said;
            const pid_t child = ::fork();
            if (child == 0) {
                ::_exit(faults::train({.folder = folder.path, .epochs = epochs, .batches = batches, .async = true, .from = "last"},
                                      said, each_step(folder.path)));
            }
            std::this_thread::sleep_for(std::chrono::microseconds(moment(random)));
            ::kill(child, SIGKILL);
            int status = 0;
            ::waitpid(child, &status, 0);
            ++lives;
            const bool was_killed = WIFSIGNALED(status);
            killed += was_killed ? 1 : 0;
            const Found found = faults::inspect(folder.path, expected);
            CAPTURE(killed);
            CHECK(found.wrong == "");
            // Every step's first save that was done is a file that may have been replaced only by a later one.
            const std::int64_t saved = begins_at + (said.saves() + saves_a_step - 1) / saves_a_step;
            CHECK(found.newest_step >= saved);
            CHECK(found.temporary_files <= 1);
            lost += found.wrong.empty() && found.newest_step >= saved ? 0 : 1;
            leftovers += found.temporary_files;
            begins_at = 0;
            if (fs::exists(folder.path / "checkpoints" / "last.ckpt")) {
                begins_at = lit::load_checkpoint(folder.path / "checkpoints" / "last.ckpt").at("global_step").to_int();
            }
            if (!was_killed) {  // it came to its end: the next one begins anew
                CHECK(WEXITSTATUS(status) == 0);
                CHECK(found.newest_step == epochs * batches);
                ++finished;
                fs::remove_all(folder.path / "checkpoints");
                begins_at = 0;
            }
        }
        CHECK(finished > 0);
        std::printf("faults/random_kill: %d kills in %lld lives, %d runs finished: %d losses; %d left a temporary file, which the "
                    "next life removed\n",
                    killed, static_cast<long long>(lives), finished, lost, leftovers);
    }
}
