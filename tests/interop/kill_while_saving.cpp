// SPDX-License-Identifier: Apache-2.0
// What kill_while_saving.py asks for: the harness of tests/faults around any process, and the run of lit that it is held to.
#include "faults/damaged.hpp"
#include "faults/traced_calls.hpp"
#include "faults/training.hpp"

#include "programs/arguments.hpp"

#include <ATen/Parallel.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

namespace fs = std::filesystem;

/// Says in a file outside of the folder, when an epoch begins, how many are saved.
struct Acknowledges {
    fs::path file;
    void on_train_epoch_start(auto& trainer, auto&) const {
        if (std::FILE* said = std::fopen(file.c_str(), "w")) {
            std::fprintf(said, "%d\n", static_cast<int>(trainer.current_epoch()));
            std::fclose(said);
        }
    }
};

int train(const Arguments& arguments) {
    at::set_num_threads(1);
    const fs::path folder = arguments.text("folder");
    const faults::Said nobody;
    return faults::train(
        {.folder = folder}, nobody,
        lit::ModelCheckpoint<"train_loss">{
            {.dirpath = folder / "best", .filename = "{step}", .save_top_k = arguments.number("top_k", 2)}},
        lit::ModelCheckpoint<>{{.dirpath = folder / "newest", .filename = "{step}", .save_last = true}},
        Acknowledges{arguments.text("said")});
}

/// Prints what happened: each call on a line when there is no fault, then the outcome.
int trace(const Arguments& arguments) {
    faults::Plan plan;
    const std::string fault = arguments.text("fault", "none");
    plan.fault = fault == "kill"    ? faults::Fault::kill
                 : fault == "short" ? faults::Fault::short_write
                 : fault == "error" ? faults::Fault::error
                                    : faults::Fault::none;
    plan.at = static_cast<std::size_t>(arguments.number("at", 0));
    plan.error = static_cast<int>(arguments.number("errno", 0));
    const faults::Outcome outcome =
        faults::trace_process(static_cast<pid_t>(arguments.number("pid", 0)), arguments.text("folder"), plan, [] {
            std::puts("ready");
            std::fflush(stdout);
        });
    if (plan.fault == faults::Fault::none) {
        for (const faults::Call& call : outcome.calls) {
            std::printf("call %s %s\n", call.name.c_str(), call.path.c_str());
        }
    }
    std::printf("outcome %zu %d %d %d\n", outcome.calls.size(), outcome.killed ? 1 : 0, outcome.struck ? 1 : 0, outcome.exit_code);
    return 0;
}

/// Prints how often a damaged file was refused, read exactly, read as something else: cut off, then with changed bytes.
int damage(const Arguments& arguments) {
    const auto stride = static_cast<std::size_t>(arguments.number("stride", 1));
    faults::Damaged file(arguments.text("file"));
    const faults::DamageCounts changed = file.change_bytes({0x01, 0x80, 0xff}, stride);
    const faults::DamageCounts cut = file.cut(stride);
    for (const faults::DamageCounts& counts : {cut, changed}) {
        std::printf("%lld %lld %zu\n", static_cast<long long>(counts.refused), static_cast<long long>(counts.exactly),
                    counts.wrong.size());
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv);
    if (!arguments.text("wait").empty()) {  // until it is traced
        static_cast<void>(std::getchar());
    }
    const std::string mode = arguments.text("mode");
    return mode == "train" ? train(arguments) : mode == "damage" ? damage(arguments) : trace(arguments);
}
