// SPDX-License-Identifier: Apache-2.0
// A training step of a small and of a tiny network, on one core: lit's trainer with nothing on and with everything that is on by
// default, beside loops by hand on LibTorch, raw PyTorch and Lightning, in turns.
#include <lit/core/seed.hpp>
#include <lit/data/dataset.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/default_trainer.hpp>
#include <lit/trainer/trainer.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/randint.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 9;
constexpr std::int64_t warm_up = 100;

struct Shape {
    const char* name;
    std::int64_t in, hidden, out, batch, steps;
};
constexpr Shape shapes[] = {{"small", 784, 64, 10, 32, 1500}, {"tiny", 16, 32, 4, 16, 3000}};

template <bool Logs>
struct Net : lit::Module<Net<Logs>> {
    torch::nn::Linear in{nullptr}, out{nullptr};

    explicit Net(const Shape& s) {
        in = this->register_module("in", torch::nn::Linear(s.in, s.hidden));
        out = this->register_module("out", torch::nn::Linear(s.hidden, s.out));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x))); }
    torch::Tensor training_step(const lit::Example& batch) {
        const torch::Tensor y = forward(batch.data);
        torch::Tensor loss = torch::nn::functional::cross_entropy(y, batch.target);
        if constexpr (Logs) {
            this->template log<"train_loss">(loss, {.prog_bar = true});
            this->template log<"train_acc">(y.argmax(1).eq(batch.target).to(torch::kFloat).mean());
        }
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-3}}; }
};

std::vector<lit::Example> batches(const Shape& s) {
    return std::vector<lit::Example>(
        static_cast<std::size_t>(s.steps),
        lit::Example{torch::rand({s.batch, s.in}), at::randint(s.out, {s.batch}, at::kLong)});
}

/// From the end of the warm-up to the end of the last batch.
struct Watch {
    std::int64_t steps;
    Clock::time_point* begin;
    double* seconds;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        const std::int64_t step = trainer.global_step();
        if (step == warm_up) {
            *begin = Clock::now();
        } else if (step == steps) {
            *seconds = std::chrono::duration<double>(Clock::now() - *begin).count();
        }
    }
};

template <class MakeOptimizer>
double by_hand(const Shape& s, const std::vector<lit::Example>& data, MakeOptimizer&& make) {
    Net<false> net(s);
    auto optimizer = make(net.parameters());
    net.train();
    Clock::time_point begin;
    for (std::int64_t step = 0; step < s.steps; ++step) {
        if (step == warm_up) {
            begin = Clock::now();
        }
        const torch::Tensor loss = net.training_step(data[static_cast<std::size_t>(step)]);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double bare(const Shape& s, const std::vector<lit::Example>& data) {
    Net<false> net(s);
    Clock::time_point begin;
    double seconds = 0.0;
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, Watch{s.steps, &begin, &seconds}};
    trainer.fit(net, data);
    return seconds;
}

double everything(const Shape& s, const std::vector<lit::Example>& data,
                  const std::filesystem::path& folder) {
    Net<true> net(s);
    Clock::time_point begin;
    double seconds = 0.0;
    auto trainer = lit::default_trainer({.max_epochs = 1, .default_root_dir = folder.string()},
                                        Watch{s.steps, &begin, &seconds});
    trainer.fit(net, data);
    std::filesystem::remove_all(folder);
    return seconds;
}

}  // namespace

int main() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof(one), &one);  // the peers in Python inherit it
    at::set_num_threads(1);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);  // where the bars of both write to
    ::dup2(null, 2);
    lit_bench::PythonPeers python("step_peers.py");
    const std::filesystem::path folder = std::filesystem::current_path() / "lit-bench-step";
    for (const Shape& s : shapes) {
        const auto data = batches(s);
        const std::string name = std::string(s.name) + ": ";
        const auto tell = [&](const std::string& what, double seconds) {
            report(name + what, seconds / static_cast<double>(s.steps - warm_up) * 1e6, "us a step");
        };
        const std::string asked = " " + std::to_string(s.in) + " " + std::to_string(s.hidden) + " " +
                                  std::to_string(s.out) + " " + std::to_string(s.batch) + " " +
                                  std::to_string(s.steps) + " " + std::to_string(warm_up);
        for (int round = 0; round < rounds; ++round) {
            tell("by hand, lit::AdamW", by_hand(s, data, [](auto parameters) {
                     return lit::AdamW{std::move(parameters), {.lr = 1e-3}};
                 }));
            tell("by hand, torch::optim::AdamW", by_hand(s, data, [](auto parameters) {
                     return torch::optim::AdamW(std::move(parameters), torch::optim::AdamWOptions(1e-3));
                 }));
            tell("lit, nothing on", bare(s, data));
            tell("lit, defaults", everything(s, data, folder));
            if (python.there()) {
                for (const auto& [what, kind] :
                     {std::pair{"PyTorch, foreach", "raw_foreach"}, std::pair{"PyTorch, fused", "raw_fused"},
                      std::pair{"Lightning, nothing on", "lightning_bare"},
                      std::pair{"Lightning, defaults", "lightning_defaults"}}) {
                    report(name + what, python.measure(kind + asked) * 1e6, "us a step");
                }
            }
        }
        const auto ratio = [&](const char* peer, const char* own, const char* goal) {
            report(name + own + ", times the rate of " + peer + " (goal: " + goal + ")",
                   median(name + peer) / median(name + own), "");
        };
        const bool small = s.in == 784;
        ratio("by hand, lit::AdamW", "lit, nothing on", "1");
        ratio("by hand, torch::optim::AdamW", "lit, nothing on", small ? "1.9" : "1.6");
        ratio("by hand, lit::AdamW", "lit, defaults", "0.95");
        if (python.there()) {
            ratio("PyTorch, foreach", "lit, nothing on", "3");
            ratio("PyTorch, fused", "lit, nothing on", "2.4");
            ratio("Lightning, nothing on", "lit, nothing on", small ? "5" : "8");
            ratio("Lightning, defaults", "lit, defaults", "8");
        }
    }
}
