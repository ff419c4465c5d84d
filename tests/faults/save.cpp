// SPDX-License-Identifier: Apache-2.0
// Saves are cut off at every system call that touches the checkpoints' folder, and every such call fails once in each
// way. Whatever happens, what was saved before is there, whole, and a run goes on from it as if nothing had been.
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "faults/traced_calls.hpp"
#include "support/doctest.hpp"

#include <ATen/Parallel.h>
#include <torch/nn/modules/linear.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using faults::Fault;

constexpr std::int64_t epochs = 4;
constexpr std::int64_t batches = 3;

struct Tiny : lit::Module<Tiny> {
    torch::nn::Linear layer{nullptr};
    Tiny() {
        layer = register_module("layer", torch::nn::Linear(4, 2));
        register_buffer("large", torch::zeros({40000}));  // more than is collected before a write
    }
    torch::Tensor training_step(const lit::Example& batch) {
        const auto loss = (layer(batch.data) - batch.target).pow(2).mean();
        log("train_loss", loss, {.on_step = false, .on_epoch = true});
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.05}}; }
};

std::vector<lit::Example> data() {
    torch::manual_seed(7);
    std::vector<lit::Example> all;
    for (std::int64_t i = 0; i < batches; ++i) {
        all.push_back({torch::randn({5, 4}), torch::randn({5, 2})});
    }
    return all;
}

/// Says, when an epoch begins, that all saves of the one before have returned.
struct Progress {
    int descriptor;
    void on_train_epoch_start(auto& trainer, auto&) const {
        const auto epoch = static_cast<char>(trainer.current_epoch());
        static_cast<void>(::write(descriptor, &epoch, 1));
    }
};

lit::ModelCheckpoint<"train_loss"> best_two(const fs::path& folder, std::int64_t top_k = 2) {
    return lit::ModelCheckpoint<"train_loss">{{.dirpath = folder / "best", .filename = "{step}", .save_top_k = top_k}};
}
lit::ModelCheckpoint<> newest(const fs::path& folder) {
    return lit::ModelCheckpoint<>{{.dirpath = folder / "newest", .filename = "{step}", .save_last = true}};
}

/// 0: trained to the end; 3: a lit::Error came out, with the path of a file; anything else is a fault of lit.
template <class... Checkpoints>
int train(const fs::path& folder, int progress, const fs::path& from, Checkpoints... checkpoints) {
    static_cast<void>(std::freopen("/dev/null", "w", stderr));
    try {
        torch::manual_seed(3);
        Tiny net;
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = epochs, .default_root_dir = folder}, Progress{progress},
                             std::move(checkpoints)...};
        const bool finished = trainer.fit(net, data(), {.ckpt_path = from.string()}).finished();
        return finished ? 0 : 4;
    } catch (const lit::FileError& error) {
        return std::string_view(error.what()).find(folder.string()) != std::string_view::npos ? 3 : 5;
    } catch (...) {
        return 6;
    }
}

int in_child(const auto& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Folder {
    fs::path path;
    explicit Folder(const std::string& name)
        : path(fs::canonical(fs::temp_directory_path()) / ("lit-faults-" + name + std::to_string(::getpid()))) {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path); }
};

/// What a continuation depends on, as bytes.
std::string substance(const lit::Dict& checkpoint) {
    lit::Dict kept;
    for (const char* key : {"epoch", "global_step", "state_dict", "optimizer_states", "loops"}) {
        kept.set(key, checkpoint.at(key));
    }
    const lit::Pickled pickled = lit::write_pickle(kept);
    std::string bytes = pickled.data;
    for (const c10::Storage& storage : pickled.storages) {
        bytes.append(static_cast<const char*>(storage.data()), storage.nbytes());
    }
    return bytes;
}

/// The undisturbed run: the checkpoint of every epoch by its step.
std::map<std::int64_t, std::string> reference() {
    const Folder folder("reference");
    REQUIRE(in_child([&] { return train(folder.path, 2, {}, best_two(folder.path, -1)); }) == 0);
    std::map<std::int64_t, std::string> all;
    for (const auto& file : fs::directory_iterator(folder.path / "best")) {
        const lit::Value checkpoint = lit::load_checkpoint(file.path());
        all[checkpoint.dict().at("global_step").to_int()] = substance(checkpoint.dict());
    }
    REQUIRE(all.size() == epochs);
    return all;
}

/// What lies in a folder after a run that was disturbed.
struct Found {
    std::string wrong;  ///< empty: every checkpoint is whole and has the content of its step
    std::int64_t newest_step = 0;
    fs::path newest_file;
    int temporary_files = 0;
};
Found inspect(const fs::path& folder, const std::map<std::int64_t, std::string>& expected) {
    Found found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory()) {
            continue;
        }
        if (name.starts_with('.') && name.ends_with(".tmp")) {
            ++found.temporary_files;
            continue;
        }
        if (!name.ends_with(".ckpt")) {
            found.wrong += "a file of an unknown kind: " + name + "; ";
            continue;
        }
        try {
            const lit::Value checkpoint = lit::load_checkpoint(entry.path());
            const std::int64_t step = checkpoint.dict().at("global_step").to_int();
            const auto known = expected.find(step);
            if (known == expected.end() || known->second != substance(checkpoint.dict())) {
                found.wrong += name + " does not have the content of its step; ";
            }
            if (step > found.newest_step) {
                found.newest_step = step;
                found.newest_file = entry.path();
            }
        } catch (const std::exception& error) {
            found.wrong += name + ": " + error.what() + "; ";
        }
    }
    return found;
}

struct Trial {
    faults::Outcome outcome;
    std::int64_t saved_epochs = 0;  ///< epochs whose saves had returned
    Found found;
    std::string wrong;
};

/// One disturbed run, judged; `goes_on` trains on from the newest file, as a new process would.
Trial disturb(const faults::Plan& plan, const std::map<std::int64_t, std::string>& expected, bool goes_on) {
    const Folder folder("run");
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_NONBLOCK) == 0);
    Trial trial;
    trial.outcome = faults::run_traced(folder.path, plan, [&] {
        return train(folder.path, pipe[1], {}, best_two(folder.path), newest(folder.path));
    });
    for (char epoch = 0; ::read(pipe[0], &epoch, 1) == 1;) {
        trial.saved_epochs = epoch;
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
    if (trial.outcome.exit_code == 0) {
        trial.saved_epochs = epochs;
    }
    trial.found = inspect(folder.path, expected);
    trial.wrong = trial.found.wrong;
    if (trial.found.newest_step < trial.saved_epochs * batches) {
        trial.wrong += "step " + std::to_string(trial.saved_epochs * batches) + " was saved, the newest file is of step " +
                       std::to_string(trial.found.newest_step) + "; ";
    }
    if (goes_on) {
        const int code = in_child(
            [&] { return train(folder.path, 2, trial.found.newest_file, best_two(folder.path), newest(folder.path)); });
        const Found after = inspect(folder.path, expected);
        if (code != 0 || !after.wrong.empty() || after.newest_step != epochs * batches) {
            trial.wrong += "the run that went on from " + trial.found.newest_file.string() + " ended with " +
                           std::to_string(code) + " at step " + std::to_string(after.newest_step) + "; " + after.wrong;
        }
    }
    return trial;
}

std::string describe(const faults::Outcome& outcome, std::size_t at) {
    return at < outcome.calls.size() ? outcome.calls[at].name + " " + outcome.calls[at].path : "beyond the last call";
}

// A container that forbids ptrace leaves nothing to cut with.
const doctest::skip needs_ptrace(!faults::can_trace());

}  // namespace

TEST_SUITE("faults/save") {
    TEST_CASE("a kill before any system call of a run with top-k and last checkpoints loses nothing" * needs_ptrace) {
        at::set_num_threads(1);
        const auto expected = reference();
        const Trial whole = disturb({}, expected, true);
        CHECK(whole.wrong == "");
        REQUIRE(whole.outcome.exit_code == 0);
        const std::size_t count = whole.outcome.calls.size();
        CHECK(count > 100);
        std::size_t lost = 0;
        std::size_t leftovers = 0;
        for (std::size_t at = 0; at < count; ++at) {
            const Trial trial = disturb({.fault = Fault::kill, .at = at}, expected, true);
            REQUIRE(trial.outcome.killed);
            CAPTURE(describe(whole.outcome, at));
            CHECK(trial.wrong == "");
            CHECK(trial.found.temporary_files <= 1);
            lost += trial.wrong.empty() ? 0 : 1;
            leftovers += static_cast<std::size_t>(trial.found.temporary_files);
        }
        std::printf("faults/save: killed before each of %zu system calls: %zu losses; %zu left a temporary file\n", count,
                    lost, leftovers);
    }

    TEST_CASE("a system call that fails, in whatever way, is an error with the path or is made good, and loses nothing" * needs_ptrace) {
        struct Way {
            const char* name;
            faults::Plan plan;
            bool made_good;
        };
        at::set_num_threads(1);
        const auto expected = reference();
        const std::size_t count = disturb({}, expected, false).outcome.calls.size();
        for (const Way& way : {Way{"ENOSPC", {.fault = Fault::error, .error = ENOSPC}, false},
                               Way{"EIO", {.fault = Fault::error, .error = EIO}, false},
                               Way{"EINTR", {.fault = Fault::error, .error = EINTR}, false},
                               Way{"short write", {.fault = Fault::short_write}, true}}) {
            std::size_t struck = 0;
            std::size_t errors = 0;
            std::size_t lost = 0;
            for (std::size_t at = 0; at < count; ++at) {
                faults::Plan plan = way.plan;
                plan.at = at;
                const Trial trial = disturb(plan, expected, false);
                if (!trial.outcome.struck) {
                    continue;
                }
                ++struck;
                CAPTURE(way.name);
                CAPTURE(describe(trial.outcome, at));
                const bool failed = trial.outcome.exit_code == 3;
                CHECK((failed || trial.outcome.exit_code == 0));
                CHECK((!failed || !way.made_good));
                CHECK(trial.wrong == "");
                errors += failed ? 1 : 0;
                lost += trial.wrong.empty() ? 0 : 1;
            }
            CHECK(struck > 0);
            std::printf("faults/save: %-11s at each of %zu system calls: %zu errors with the path, %zu made good, %zu "
                        "losses\n",
                        way.name, struck, errors, struck - errors, lost);
        }
    }

    TEST_CASE("a file is flushed before it gets its name, the folder after, and what it replaces goes last" * needs_ptrace) {
        at::set_num_threads(1);
        const Folder folder("order");
        const auto outcome = faults::run_traced(folder.path, {}, [&] {
            return train(folder.path, 2, {}, best_two(folder.path), newest(folder.path));
        });
        REQUIRE(outcome.exit_code == 0);
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
            } else if (call.name == "rename") {
                CHECK(!dirty[call.path]);
                unflushed[parent] = true;
                ++renames;
            } else if (call.name == "unlink") {
                CHECK(!unflushed[parent]);
            }
        }
        CHECK(renames == 3 * epochs);
        for (const auto& [path, still] : unflushed) {
            CAPTURE(path);
            CHECK(!still);
        }
    }
}
