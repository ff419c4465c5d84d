// SPDX-License-Identifier: Apache-2.0
// The same as exact_resume.cpp for a run of two processes, each with generators, metrics and an order of its own.
#include <lit/checkpoint/file.hpp>

#include "loops/remains.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/allclose.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using remains::Remains;
using remains::Runs;
using remains::was_cut;

/// A port of the loopback that nobody listens at.
int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(socket);
    return ::ntohs(address.sin_port);
}

/// The exit status of each process.
std::vector<int> run_ranks(const Runs& runs, int world_size, const std::vector<std::string>& arguments) {
    std::vector<pid_t> children;
    const std::string port = std::to_string(free_port());
    for (int rank = 0; rank < world_size; ++rank) {
        children.push_back(process::start(LIT_PROGRAMS "/learner_ranks", runs.with_places(arguments),
                                          runs.path("output.txt").string(),
                                          {"RANK=" + std::to_string(rank), "LOCAL_RANK=" + std::to_string(rank),
                                           "WORLD_SIZE=" + std::to_string(world_size),
                                           "LOCAL_WORLD_SIZE=" + std::to_string(world_size), "MASTER_ADDR=127.0.0.1",
                                           "MASTER_PORT=" + port}));
    }
    std::vector<int> codes;
    for (const pid_t child : children) {
        codes.push_back(process::wait(child));
    }
    return codes;
}
using Codes = std::vector<int>;

}  // namespace

TEST_SUITE("loops/exact_resume_ranks") {
    TEST_CASE("two processes that are cut off and gone on with by two others end bit for bit the same") {
        const Runs runs;
        REQUIRE((run_ranks(runs, 2, {}) == Codes{0, 0}));
        const Remains whole(runs.folder.path());
        for (const auto& [where, occasion] :
             {std::pair{std::string("on_train_batch_end"), 0}, std::pair{std::string("on_train_batch_end"), 8},
              std::pair{std::string("on_train_batch_end"), 25}, std::pair{std::string("on_validation_batch_end"), 4},
              std::pair{std::string("on_validation_end"), 2}, std::pair{std::string("on_train_epoch_end"), 1}}) {
            CAPTURE(where);
            CAPTURE(occasion);
            runs.clear();
            REQUIRE((run_ranks(runs, 2, runs.cut_at(where, occasion)) == Codes{was_cut, was_cut}));
            REQUIRE((run_ranks(runs, 2, runs.from_the_cut()) == Codes{0, 0}));
            CHECK(Remains(runs.folder.path()).differs_from(whole) == "");
        }
    }

    TEST_CASE("inside of a window the gradients are kept as their mean: the same up to the order of sums") {
        const Runs runs;
        // One epoch: what rounding begins, dropout and AdamW magnify from epoch to epoch.
        const std::vector<std::string> windows{"window=3", "epochs=1"};
        const auto with_windows = [&](std::vector<std::string> arguments) {
            arguments.insert(arguments.end(), windows.begin(), windows.end());
            return arguments;
        };
        REQUIRE((run_ranks(runs, 2, windows) == Codes{0, 0}));
        const lit::Value whole = lit::load_checkpoint(runs.path("end.ckpt"));
        runs.clear();
        REQUIRE((run_ranks(runs, 2, with_windows(runs.cut_at("on_train_batch_end", 7))) == Codes{was_cut, was_cut}));
        REQUIRE((run_ranks(runs, 2, with_windows(runs.from_the_cut())) == Codes{0, 0}));
        const lit::Value end = lit::load_checkpoint(runs.path("end.ckpt"));
        for (const auto& [name, tensor] : whole.at("state_dict").dict()) {
            CAPTURE(name.string());
            CHECK(at::allclose(tensor.tensor(), end.at("state_dict").at(name.string()).tensor(), 1e-5, 1e-6));
        }
    }

    TEST_CASE("a signal that reaches one process ends all at the same batch, and the run goes on as if it had not") {
        const Runs runs;
        REQUIRE((run_ranks(runs, 2, {}) == Codes{0, 0}));
        const Remains whole(runs.folder.path());
        for (const auto& [signalled, signal, code] :
             {std::tuple{0, SIGTERM, 4}, std::tuple{1, SIGTERM, 4}, std::tuple{1, SIGINT, 5}}) {
            CAPTURE(signalled);
            CAPTURE(signal);
            runs.clear();
            REQUIRE((run_ranks(runs, 2,
                               {"signalled=" + std::to_string(signalled), "batch=9", "signal=" + std::to_string(signal)}) ==
                     Codes{code, code}));
            const std::string output = runs.output();
            CAPTURE(output);
            CHECK(output.find("rank 0 ended at step 10") != std::string::npos);  // asked after 9, answered after 10
            CHECK(output.find("rank 1 ended at step 10") != std::string::npos);
            // OnExceptionCheckpoint finds its file by itself.
            REQUIRE((run_ranks(runs, 2, {"seed=77"}) == Codes{0, 0}));
            CHECK(Remains(runs.folder.path()).differs_from(whole) == "");
        }
    }

    TEST_CASE("another number of processes goes on from the same place in the data, and says what is not the same") {
        const Runs runs;
        REQUIRE((run_ranks(runs, 2, runs.cut_at("on_train_batch_end", 6)) == Codes{was_cut, was_cut}));
        auto on = runs.from_the_cut();
        on.emplace_back("epochs=1");
        REQUIRE((run_ranks(runs, 1, on) == Codes{0}));
        const std::string output = runs.output();
        CAPTURE(output);
        CHECK(output.find("was written by 2 processes, and this run has 1") != std::string::npos);
        CHECK(output.find("after batch 7 of 2 processes, which is batch 14 here") != std::string::npos);
        CHECK(output.find("logged values of the epoch under way: begin anew") != std::string::npos);
        CHECK(output.find("rank 0 ended at step 19") != std::string::npos);  // 7 steps of two, and 26 - 14 of one
        REQUIRE((run_ranks(runs, 3, on) == Codes{0, 0, 0}));
        CHECK(runs.output().find("which is batch 4 here (rounded down: 2 batches come again)") != std::string::npos);
    }
}
