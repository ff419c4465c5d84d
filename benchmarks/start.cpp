// SPDX-License-Identifier: Apache-2.0
// What it takes to begin: the time from starting a process to the end of its first training step, and the most memory that it has
// had after 200 steps of a small network, with lit, a loop by hand on LibTorch, Lightning and raw PyTorch, in turns. PyTorch out of
// its PyPI package brings CUDA's libraries into memory, with a GPU or without; the programs in C++ are linked with the CPU's.
//
// bench_start [rounds]
#include <lit/data/dataset.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/default_trainer.hpp>
#include <lit/trainer/trainer.hpp>

#include "peers.hpp"

#include <ATen/ops/randint.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int usual_rounds = 3;
constexpr std::int64_t steps = 200;

struct Net : lit::Module<Net> {
    torch::nn::Linear in = register_module("in", torch::nn::Linear(784, 64));
    torch::nn::Linear out = register_module("out", torch::nn::Linear(64, 10));

    torch::Tensor training_step(const lit::Example& batch) {
        torch::Tensor loss =
            torch::nn::functional::cross_entropy(out(torch::relu(in(batch.data))), batch.target);
        log<"train_loss">(loss, {.prog_bar = true});
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

/// Tells whoever waits for it.
void first_step_ended(int bell) {
    if (::write(bell, "1", 1) != 1) {
        std::exit(1);
    }
}

struct Watch {
    int bell;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() == 1) {
            first_step_ended(bell);
        }
    }
};

/// The process that is measured.
int child(const std::string& kind, const std::filesystem::path& folder) {
    const int bell = ::dup(1);
    ::dup2(2, 1);  // what the trainer prints comes before the first step
    const std::vector<lit::Example> data(
        static_cast<std::size_t>(steps),
        lit::Example{torch::rand({32, 784}), at::randint(10, {32}, at::kLong)});
    Net net;
    if (kind == "by_hand") {
        auto optimizer = net.configure_optimizers();
        for (std::int64_t step = 0; step < steps; ++step) {
            const torch::Tensor y = net.out(torch::relu(net.in(data[static_cast<std::size_t>(step)].data)));
            const torch::Tensor loss =
                torch::nn::functional::cross_entropy(y, data[static_cast<std::size_t>(step)].target);
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
            if (step == 0) {
                first_step_ended(bell);
            }
        }
    } else if (kind == "bare") {
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = 1}, Watch{bell}};
        trainer.fit(net, data);
    } else {
        auto trainer =
            lit::default_trainer({.max_epochs = 1, .default_root_dir = folder.string()}, Watch{bell});
        trainer.fit(net, data);
    }
    return 0;
}

struct Begun {
    double seconds;
    double megabytes;
};

/// Errors  ends the program when the process fails.
Begun start(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) {
        std::perror("pipe");
        std::exit(1);
    }
    const auto begin = Clock::now();
    const pid_t process = ::fork();
    if (process == 0) {
        ::dup2(out[1], 1);
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        ::dup2(null, 0);
        ::dup2(null, 2);  // where the bars go
        ::execv(argv[0], argv.data());
        ::_exit(1);
    }
    ::close(out[1]);
    char byte = 0;
    const bool begun = ::read(out[0], &byte, 1) == 1 && byte == '1';
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    ::close(out[0]);
    int status = 0;
    // The kernel counts what the process had before execv too: this one, which has LibTorch in memory as each of them will.
    rusage used{};
    if (::wait4(process, &status, 0, &used) != process || status != 0 || !begun) {
        std::fprintf(stderr, "lit: %s %s %s failed\n", argv[0], argv[1], argv[2]);
        std::exit(1);
    }
    return {seconds, static_cast<double>(used.ru_maxrss) / 1024};
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / "lit-bench-start";
    if (argc > 1 && std::string(argv[1]) == "--child") {
        return child(argv[2], folder);
    }
    const int rounds = argc > 1 ? std::atoi(argv[1]) : usual_rounds;
    const char* python = std::getenv("LIT_PYTHON");
    const char* home = std::getenv("LIT_HOME");
    const bool peers = python != nullptr && home != nullptr && std::filesystem::exists(python);
    if (!peers) {
        std::fprintf(stderr, "lit: no peers in Python: scripts/setup python has not run\n");
    }
    const auto tell = [&](const std::string& who, const Begun& begun) {
        report("first step: " + who, begun.seconds);
        report("memory: " + who, begun.megabytes, "MB");
    };
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    for (int round = 0; round < rounds; ++round) {
        for (const auto& [who, kind] :
             {std::pair{"by hand on LibTorch", "by_hand"}, std::pair{"lit, nothing on", "bare"},
              std::pair{"lit, defaults", "defaults"}}) {
            tell(who, start({self, "--child", kind}));
        }
        if (peers) {
            for (const auto& [who, kind] :
                 {std::pair{"PyTorch", "raw"}, std::pair{"Lightning, nothing on", "lightning_bare"},
                  std::pair{"Lightning, defaults", "lightning_defaults"}}) {
                tell(who, start({python, std::string(home) + "/benchmarks/start_peers.py", kind,
                                 std::to_string(steps)}));
            }
        }
        std::filesystem::remove_all(folder);
    }
    const auto ratio = [&](const std::string& peer, const std::string& own) {
        report("first step: " + own + ", times sooner than " + peer,
               median("first step: " + peer) / median("first step: " + own), "");
        report("memory: " + own + ", of that of " + peer,
               median("memory: " + own) / median("memory: " + peer), "");
    };
    ratio("by hand on LibTorch", "lit, nothing on");
    if (peers) {
        ratio("PyTorch", "lit, nothing on");
        ratio("Lightning, nothing on", "lit, nothing on");
        ratio("Lightning, defaults", "lit, defaults");
    }
}
