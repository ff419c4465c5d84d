// SPDX-License-Identifier: Apache-2.0
// A step of AdamW alone: lit's beside LibTorch's fused kernel, called as lit would call it, and torch::optim::AdamW, in one thread and in
// as many as LibTorch takes by itself, in turns. Each step has new gradients.
//
// bench_optimizers [rounds]
#include <lit/optim/adamw.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/optim/adamw.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;
using Tensors = std::vector<at::Tensor>;
using Sizes = std::vector<std::vector<std::int64_t>>;

constexpr int usual_rounds = 9;

struct Network {
    std::string name;
    Sizes sizes;
    int steps;
    bool read = false;  ///< by a product, before each step
};

std::vector<Network> networks() {
    Network layers{"50 tensors of 4,096 and 64", {}, 300};
    for (int i = 0; i < 25; ++i) {
        layers.sizes.push_back({64, 64});
        layers.sizes.push_back({64});
    }
    Network wide{"12 layers of 512 x 512", {}, 20};
    for (int i = 0; i < 12; ++i) {
        wide.sizes.push_back({512, 512});
        wide.sizes.push_back({512});
    }
    return {{"784-64-10", {{64, 784}, {64}, {10, 64}, {10}}, 300},
            {"784-128", {{128, 784}}, 300},
            {"784-128, read before", {{128, 784}}, 300, true},
            layers,
            wide};
}

Tensors parameters(const Sizes& sizes) {
    Tensors made;
    for (const auto& size : sizes) {
        made.push_back(at::randn(size).requires_grad_());
    }
    return made;
}

/// Seconds of a step after the first, which makes the state; without the making of the gradients.
double timed(const Network& network, const Tensors& params, auto&& step) {
    double seconds = 0.0;
    const at::Tensor x = network.read ? at::randn({64, network.sizes[0][1]}) : at::Tensor();
    for (int i = -1; i < network.steps; ++i) {
        for (const at::Tensor& param : params) {
            param.mutable_grad() = at::randn(param.sizes());
        }
        if (network.read) {
            at::mm(x, params[0].detach().t());
        }
        const auto begin = Clock::now();
        step();
        seconds += i < 0 ? 0.0 : std::chrono::duration<double>(Clock::now() - begin).count();
    }
    return seconds / network.steps;
}

double by_lit(const Network& network) {
    const Tensors params = parameters(network.sizes);
    lit::AdamW optimizer{params, {}};
    return timed(network, params, [&] { optimizer.step(); });
}
double by_kernel(const Network& network) {
    const Tensors params = parameters(network.sizes);
    Tensors exp_avgs, exp_avg_sqs, steps, grads;
    for (const at::Tensor& param : params) {
        exp_avgs.push_back(at::zeros(param.sizes()));
        exp_avg_sqs.push_back(at::zeros(param.sizes()));
        steps.push_back(at::zeros({}));
    }
    return timed(network, params, [&] {
        const at::AutoDispatchBelowAutograd straight;
        grads.clear();
        for (std::size_t i = 0; i < params.size(); ++i) {
            grads.push_back(params[i].grad());
            ++*steps[i].mutable_data_ptr<float>();
        }
        at::_fused_adamw_(params, grads, exp_avgs, exp_avg_sqs, {}, steps, 1e-3, 0.9, 0.999, 1e-2, 1e-8,
                          false, false);
    });
}
double by_torch(const Network& network) {
    const Tensors params = parameters(network.sizes);
    torch::optim::AdamW optimizer(params, torch::optim::AdamWOptions());
    return timed(network, params, [&] { optimizer.step(); });
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : usual_rounds;
    const int all_threads = at::get_num_threads();
    for (int round = 0; round < rounds; ++round) {
        report("from one core to the other", lit_bench::seconds_between_cores());
        for (const bool alone : {true, false}) {
            at::set_num_threads(alone ? 1 : all_threads);
            const std::string where = alone ? ", one thread: " : ", all threads: ";
            for (const Network& network : networks()) {
                report(network.name + where + "lit::AdamW", by_lit(network) * 1e6, "us");
                report(network.name + where + "LibTorch's fused kernel", by_kernel(network) * 1e6, "us");
                report(network.name + where + "torch::optim::AdamW", by_torch(network) * 1e6, "us");
            }
        }
    }
    for (const std::string where : {", one thread: ", ", all threads: "}) {
        for (const Network& network : networks()) {
            const std::string name = network.name + where;
            report(name + "lit, times the rate of LibTorch's fused kernel",
                   median(name + "LibTorch's fused kernel") / median(name + "lit::AdamW"), "");
        }
    }
}
