// SPDX-License-Identifier: Apache-2.0
// A training step of a small and of a tiny network, on one core: lit's trainer with nothing on and with everything that is on by
// default, with autograd and with static networks, beside loops by hand on LibTorch, raw PyTorch and Lightning, in turns. And what
// single components add, seen at a step so short that they show.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/core/seed.hpp>
#include <lit/data/dataset.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/module/nn.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/default_trainer.hpp>
#include <lit/trainer/trainer.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>

#include <fcntl.h>
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

/// The same network with its layers as types.
template <bool Logs, class Kernels, std::int64_t In, std::int64_t Hidden, std::int64_t Out>
struct StaticNet : lit::Module<StaticNet<Logs, Kernels, In, Hidden, Out>> {
    using Layers = lit::nn::Sequential<Kernels, lit::nn::Linear<In, Hidden>, lit::nn::ReLU,
                                       lit::nn::Linear<Hidden, Out>>;
    Layers layers = this->register_module("layers", Layers());

    auto training_step(const lit::Example& batch) {
        auto step = layers->template step<lit::nn::CrossEntropy>(batch.data, batch.target);
        if constexpr (Logs) {
            this->template log<"train_loss">(step.loss, {.prog_bar = true});
            this->template log<"train_acc">(
                layers->output().argmax(1).eq(batch.target).to(torch::kFloat).mean());
        }
        return step;
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

template <class Module>
double bare(Module&& net, const Shape& s, const std::vector<lit::Example>& data) {
    Clock::time_point begin;
    double seconds = 0.0;
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, Watch{s.steps, &begin, &seconds}};
    trainer.fit(net, data);
    return seconds;
}

template <class Module>
double everything(Module&& net, const Shape& s, const std::vector<lit::Example>& data,
                  const std::filesystem::path& folder) {
    Clock::time_point begin;
    double seconds = 0.0;
    auto trainer = lit::default_trainer({.max_epochs = 1, .default_root_dir = folder.string()},
                                        Watch{s.steps, &begin, &seconds});
    trainer.fit(net, data);
    std::filesystem::remove_all(folder);
    return seconds;
}

/// What no loop on LibTorch can leave out: the five products of a step and the fused AdamW, into memory that is there.
double kernels_alone(const Shape& s) {
    const c10::InferenceMode no_graph;
    const at::Tensor x = at::rand({s.batch, s.in}), dy = at::rand({s.batch, s.out});
    Net<false> net(s);
    at::Tensor hidden = at::empty({s.batch, s.hidden}), y = at::empty({s.batch, s.out}),
               by_hidden = at::rand({s.batch, s.hidden});
    std::vector<at::Tensor> parameters, gradients, averages, squares, steps;
    for (const at::Tensor& parameter : net.parameters()) {
        parameters.push_back(parameter.detach());
        gradients.push_back(at::rand_like(parameters.back()));
        averages.push_back(at::zeros_like(parameters.back()));
        squares.push_back(at::zeros_like(parameters.back()));
        steps.push_back(at::ones({}));
    }
    const at::Tensor in = net.in->weight.detach(), in_t = in.t(), out = net.out->weight.detach(),
                     out_t = out.t();
    const at::Tensor dy_t = dy.t(), by_hidden_t = by_hidden.t();
    Clock::time_point begin;
    for (std::int64_t step = 0; step < s.steps; ++step) {
        if (step == warm_up) {
            begin = Clock::now();
        }
        at::addmm_out(hidden, net.in->bias, x, in_t);
        at::addmm_out(y, net.out->bias, hidden, out_t);
        at::mm_out(gradients[2], dy_t, hidden);
        at::mm_out(by_hidden, dy, out);
        at::mm_out(gradients[0], by_hidden_t, x);
        at::_fused_adamw_(parameters, gradients, averages, squares, {}, steps, 1e-3, 0.9, 0.999, 0.01, 1e-8,
                          false, false);
    }
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What is measured of one shape, its sizes known to the compiler.
template <std::int64_t In, std::int64_t Hidden, std::int64_t Out>
void measure(const Shape& s, lit_bench::PythonPeers& python) {
    const auto data = batches(s);
    const std::filesystem::path folder = std::filesystem::current_path() / "lit-bench-step";
    const std::string name = std::string(s.name) + ": ";
    const auto tell = [&](const std::string& what, double seconds) {
        report(name + what, seconds / static_cast<double>(s.steps - warm_up) * 1e6, "us a step");
    };
    const std::string asked = " " + std::to_string(s.in) + " " + std::to_string(s.hidden) + " " +
                              std::to_string(s.out) + " " + std::to_string(s.batch) + " " +
                              std::to_string(s.steps) + " " + std::to_string(warm_up);
    using lit::nn::AtenKernels, lit::nn::OwnKernels;
    for (int round = 0; round < rounds; ++round) {
        tell("by hand, lit::AdamW", by_hand(s, data, [](auto parameters) {
                 return lit::AdamW{std::move(parameters), {.lr = 1e-3}};
             }));
        tell("by hand, torch::optim::AdamW", by_hand(s, data, [](auto parameters) {
                 return torch::optim::AdamW(std::move(parameters), torch::optim::AdamWOptions(1e-3));
             }));
        tell("LibTorch's kernels alone, products and AdamW", kernels_alone(s));
        tell("lit, nothing on", bare(Net<false>(s), s, data));
        tell("lit static, nothing on", bare(StaticNet<false, AtenKernels, In, Hidden, Out>(), s, data));
        tell("lit static with own kernels, nothing on",
             bare(StaticNet<false, OwnKernels, In, Hidden, Out>(), s, data));
        tell("lit, defaults", everything(Net<true>(s), s, data, folder));
        tell("lit static, defaults",
             everything(StaticNet<true, AtenKernels, In, Hidden, Out>(), s, data, folder));
        tell("lit static with own kernels, defaults",
             everything(StaticNet<true, OwnKernels, In, Hidden, Out>(), s, data, folder));
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
        report(name + own + ", times the rate of " + peer +
                   (*goal != '\0' ? std::string(" (goal: ") + goal + ")" : ""),
               median(name + peer) / median(name + own), "");
    };
    const bool small = In == 784;
    ratio("by hand, lit::AdamW", "lit, nothing on", "1");
    ratio("by hand, lit::AdamW", "lit, defaults", small ? "0.95" : "");
    ratio("by hand, torch::optim::AdamW", "lit, nothing on", small ? "1.9" : "1.6");
    ratio("by hand, torch::optim::AdamW", "lit static, nothing on", small ? "2.9" : "6");
    ratio("by hand, torch::optim::AdamW", "lit static with own kernels, nothing on", small ? "2.9" : "20");
    if (!python.there()) {
        return;
    }
    ratio("PyTorch, foreach", "lit, nothing on", small ? "3" : "");
    ratio("PyTorch, fused", "lit, nothing on", small ? "2.4" : "");
    ratio("Lightning, nothing on", "lit, nothing on", small ? "5" : "8");
    ratio("PyTorch, foreach", "lit static, nothing on", small ? "4.6" : "");
    ratio("PyTorch, fused", "lit static, nothing on", small ? "3.7" : "");
    ratio("Lightning, nothing on", "lit static, nothing on", small ? "7.5" : "");
    ratio("Lightning, nothing on", "lit static with own kernels, nothing on", "");
    ratio("Lightning, defaults", "lit, defaults", small ? "8" : "");
    ratio("Lightning, defaults", "lit static, defaults", small ? "13" : "");
}

/// Logs two values, and computes next to nothing.
struct Logging : lit::Module<Logging> {
    using Layers = lit::nn::Sequential<lit::nn::OwnKernels, lit::nn::Linear<16, 32>, lit::nn::ReLU,
                                       lit::nn::Linear<32, 4>>;
    Layers layers = this->register_module("layers", Layers());
    auto training_step(const lit::Example& batch, std::int64_t batch_idx) {
        auto step = layers->step<lit::nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss, {.prog_bar = true});
        log<"batch">(static_cast<double>(batch_idx));
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-3}}; }
};

void measure_components() {
    const Shape s{"components", 16, 32, 4, 16, 20'000};
    const auto data = batches(s);
    const std::filesystem::path folder = std::filesystem::current_path() / "lit-bench-step";
    const auto tell = [&](const std::string& what, auto&& net, auto... components) {
        Clock::time_point begin;
        double seconds = 0.0;
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = 1, .default_root_dir = folder.string()},
                             Watch{s.steps, &begin, &seconds}, std::move(components)...};
        trainer.fit(net, data);
        std::filesystem::remove_all(folder);
        report("components: " + what, seconds / static_cast<double>(s.steps - warm_up) * 1e9, "ns a step");
    };
    for (int round = 0; round < rounds; ++round) {
        tell("none", StaticNet<false, lit::nn::OwnKernels, 16, 32, 4>());
        tell("log of two values", Logging());
        tell("log, ProgressBar", Logging(), lit::ProgressBar{});
        tell("log, CSVLogger", Logging(), lit::CSVLogger{});
        tell("log, TensorBoardLogger", Logging(), lit::TensorBoardLogger{});
        tell("log, EarlyStopping", Logging(), lit::EarlyStopping<>{{.monitor = "train_loss"}});
        tell("log, ModelCheckpoint", Logging(), lit::ModelCheckpoint<>{{.every_n_train_steps = 1'000'000}});
    }
}

}  // namespace

int main() {
    lit_bench::stay_on_one_core();  // the peers in Python inherit it
    at::set_num_threads(1);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);  // where the bars of both write to
    ::dup2(null, 2);
    lit_bench::PythonPeers python("step_peers.py");
    measure<784, 64, 10>({"small", 784, 64, 10, 32, 1500}, python);
    measure<16, 32, 4>({"tiny", 16, 32, 4, 16, 3000}, python);
    measure_components();
}
