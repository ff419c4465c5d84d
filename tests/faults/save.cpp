// SPDX-License-Identifier: Apache-2.0
// Saves are cut off at every system call that touches the checkpoints' folder, and every such call fails once in each
// way. Whatever happens, what was saved before is there, whole, and a run goes on from it as if nothing had been.
#include "faults/traced_calls.hpp"
#include "faults/training.hpp"
#include "support/doctest.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

namespace {

namespace fs = std::filesystem;
using faults::Expected;
using faults::Fault;
using faults::Folder;
using faults::Found;
using faults::Said;

constexpr std::int64_t epochs = 4;
constexpr std::int64_t batches = 3;
constexpr std::int64_t saves_an_epoch = 4;  // one of the best, the newest, the last, and what the link points to

lit::ModelCheckpoint<"train_loss"> best_two(const fs::path& folder, std::int64_t top_k = 2) {
    return lit::ModelCheckpoint<"train_loss">{{.dirpath = folder / "best", .filename = "{step}", .save_top_k = top_k}};
}
lit::ModelCheckpoint<> newest(const fs::path& folder) {
    return lit::ModelCheckpoint<>{{.dirpath = folder / "newest", .filename = "{step}", .save_last = true}};
}
lit::ModelCheckpoint<> linked(const fs::path& folder, std::int64_t top_k = 1) {
    return lit::ModelCheckpoint<>{{.dirpath = folder / "linked",
                                   .filename = "{step}",
                                   .save_last = lit::SaveLast::link,
                                   .save_top_k = top_k,
                                   .every_n_train_steps = batches}};
}
int train(const faults::RunSettings& settings, const Said& said) {
    return faults::train(settings, said, best_two(settings.folder), newest(settings.folder), linked(settings.folder));
}

/// The undisturbed run.
Expected reference() {
    const Folder folder("reference");
    const Said said;
    REQUIRE(faults::in_child([&] { 
                return faults::train({.folder = folder.path}, said, best_two(folder.path, -1), linked(folder.path, -1));
            }) == 0);
    const Expected all = faults::expected_of(folder.path);
    REQUIRE(all.size() == 2 * epochs);
    return all;
}

struct Trial {
    faults::Outcome outcome;
    Found found;
    std::string wrong;
};

/// One disturbed run, judged; `goes_on` trains on from the newest file, as a new process would.
Trial disturb(const faults::Plan& plan, const Expected& expected, bool async, bool goes_on) {
    const Folder folder("run");
    const Said said;
    Trial trial;
    trial.outcome = faults::run_traced(folder.path, plan, [&] { return train({.folder = folder.path, .async = async}, said); });
    // One save of an epoch that is done is enough to go on from it.
    const std::int64_t saved_epochs =
        trial.outcome.exit_code == 0 ? epochs : (said.saves() + saves_an_epoch - 1) / saves_an_epoch;
    trial.found = faults::inspect(folder.path, expected);
    trial.wrong = trial.found.wrong;
    if (trial.found.newest_step < saved_epochs * batches) {
        trial.wrong += "step " + std::to_string(saved_epochs * batches) + " was saved, the newest file is of step " +
                       std::to_string(trial.found.newest_step) + "; ";
    }
    if (goes_on) {
        const int code = faults::in_child([&] {
            return train({.folder = folder.path, .async = async, .from = trial.found.newest_file.string()}, said);
        });
        const Found after = faults::inspect(folder.path, expected);
        if (code != 0 || !after.wrong.empty() || after.newest_step != epochs * batches || after.temporary_files != 0) {
            trial.wrong += "the run that went on from " + trial.found.newest_file.string() + " ended with " +
                           std::to_string(code) + " at step " + std::to_string(after.newest_step) + ", " +
                           std::to_string(after.temporary_files) + " temporary files; " + after.wrong;
        }
    }
    return trial;
}

/// One run with the calls that it made; `plan` says what happens to one of them, which the run is to make good.
faults::Outcome traced(const faults::Plan& plan, bool async) {
    const Folder folder("order");
    const Said said;
    faults::Outcome outcome =
        faults::run_traced(folder.path, plan, [&] { return train({.folder = folder.path, .async = async}, said); });
    REQUIRE(outcome.exit_code == 0);
    return outcome;
}
/// Checks that each file is flushed, and not closed, which would unlock it, before it gets its name, that its folder is flushed after,
/// and that what it replaces goes last; counts the names that were given.
std::size_t renames_in_order(const faults::Outcome& outcome) {
    std::map<std::string, bool> dirty;      // written since it was flushed
    std::map<std::string, bool> unflushed;  // folders with a new name in them
    std::size_t renames = 0;
    for (const faults::Call& call : outcome.calls) {
        CAPTURE(call.path);
        const std::string parent = fs::path(call.path).parent_path().string();
        if (call.name == "write") {
            dirty[call.path] = true;
        } else if (call.name == "fsync") {
            dirty[call.path] = unflushed[call.path] = false;
        } else if (call.name == "close") {
            CHECK((!call.path.ends_with(".tmp") || call.path.ends_with(".link.tmp")));
        } else if (call.name == "rename") {
            CHECK(!dirty[call.path]);
            unflushed[parent] = true;
            ++renames;
        } else if (call.name == "unlink" && !call.path.ends_with(".link.tmp")) {
            CHECK(!unflushed[parent]);
        }
    }
    for (const auto& [path, still] : unflushed) {
        CAPTURE(path);
        CHECK(!still);
    }
    return renames;
}

std::string describe(const faults::Outcome& outcome, std::size_t at) {
    return at < outcome.calls.size() ? outcome.calls[at].name + " " + outcome.calls[at].path : "beyond the last call";
}
const char* how(bool async) { return async ? "in the background" : "at once"; }

// A container that forbids ptrace leaves nothing to cut with.
const doctest::skip needs_ptrace(!faults::can_trace());

}  // namespace

TEST_SUITE("faults/save") {
    TEST_CASE("a kill before any system call of a run with top-k, last and linked checkpoints loses nothing" * needs_ptrace) {
        at::set_num_threads(1);
        const Expected expected = reference();
        for (const bool async : {false, true}) {
            const Trial whole = disturb({}, expected, async, true);
            CHECK(whole.wrong == "");
            REQUIRE(whole.outcome.exit_code == 0);
            const std::size_t count = whole.outcome.calls.size();
            CHECK(count > 100);
            std::size_t lost = 0;
            std::size_t leftovers = 0;
            std::map<std::string, int> kinds;
            for (std::size_t at = 0; at < count; ++at) {
                const Trial trial = disturb({.fault = Fault::kill, .at = at}, expected, async, true);
                REQUIRE(trial.outcome.killed);
                CAPTURE(describe(whole.outcome, at));
                CHECK(trial.wrong == "");
                CHECK(trial.found.temporary_files <= 1);
                lost += trial.wrong.empty() ? 0 : 1;
                leftovers += static_cast<std::size_t>(trial.found.temporary_files);
                ++kinds[whole.outcome.calls[at].name];
            }
            std::string all;
            for (const auto& [name, times] : kinds) {
                all += (all.empty() ? "" : ", ") + std::to_string(times) + " " + name;
            }
            std::printf("faults/save: written %s, killed before each of %zu system calls (%s): %zu losses; %zu left a temporary "
                        "file, which the next run removed\n",
                        how(async), count, all.c_str(), lost, leftovers);
        }
    }

    TEST_CASE("a system call that fails, in whatever way, is an error with the path or is made good, and loses nothing" * needs_ptrace) {
        struct Way {
            const char* name;
            faults::Plan plan;
            bool made_good;
        };
        at::set_num_threads(1);
        const Expected expected = reference();
        for (const bool async : {false, true}) {
            const std::size_t count = disturb({}, expected, async, false).outcome.calls.size();
            for (const Way& way : {Way{"ENOSPC", {.fault = Fault::error, .error = ENOSPC}, false},
                                   Way{"EIO", {.fault = Fault::error, .error = EIO}, false},
                                   Way{"EINTR", {.fault = Fault::error, .error = EINTR}, false},
                                   Way{"short write", {.fault = Fault::short_write}, true}}) {
                std::size_t struck = 0;
                std::size_t renames = 0;
                std::size_t errors = 0;
                std::size_t lost = 0;
                for (std::size_t at = 0; at < count; ++at) {
                    faults::Plan plan = way.plan;
                    plan.at = at;
                    const Trial trial = disturb(plan, expected, async, false);
                    if (!trial.outcome.struck) {
                        continue;
                    }
                    ++struck;
                    renames += trial.outcome.calls[at].name == "rename" ? 1 : 0;
                    CAPTURE(way.name);
                    CAPTURE(async);
                    CAPTURE(describe(trial.outcome, at));
                    const bool failed = trial.outcome.exit_code == 3;
                    CHECK((failed || trial.outcome.exit_code == 0));
                    CHECK((!failed || !way.made_good));
                    CHECK(trial.wrong == "");
                    errors += failed ? 1 : 0;
                    lost += trial.wrong.empty() ? 0 : 1;
                }
                CHECK(struck > 0);
                std::printf("faults/save: written %s, %-11s at each of %zu system calls (%zu renames): %zu errors with the path, "
                            "%zu made good, %zu losses\n",
                            how(async), way.name, struck, renames, errors, struck - errors, lost);
            }
        }
    }

    TEST_CASE("a file is flushed before it gets its name, the folder after, and what it replaces goes last" * needs_ptrace) {
        at::set_num_threads(1);
        for (const bool async : {false, true}) {
            CHECK(renames_in_order(traced({}, async)) == (saves_an_epoch + 1) * epochs);  // and a link
        }
    }

    TEST_CASE("a copy, where the file system has no links, is flushed before it gets its name as well" * needs_ptrace) {
        at::set_num_threads(1);
        const faults::Outcome whole = traced({}, false);
        const auto link = std::ranges::find(whole.calls, "link", &faults::Call::name);
        REQUIRE(link != whole.calls.end());
        const faults::Plan no_link{
            .fault = Fault::error, .at = static_cast<std::size_t>(link - whole.calls.begin()), .error = EPERM};
        const faults::Outcome copied = traced(no_link, false);
        CHECK(copied.struck);
        CHECK(renames_in_order(copied) == (saves_an_epoch + 1) * epochs);
        // One more is written than without, under the name that the link would have had.
        const auto copy = [](const faults::Call& call) { return call.name == "write" && call.path.ends_with(".link.tmp"); };
        CHECK(std::ranges::count_if(whole.calls, copy) == 0);
        CHECK(std::ranges::count_if(copied.calls, copy) > 0);
    }
}
