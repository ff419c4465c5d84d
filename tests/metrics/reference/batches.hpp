// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// The batches of reference/torchmetrics_reference.py, by the same closed formulas.
namespace reference {

/// One rounding to float32 of a quotient of small integers, and of the sum of five of them.
constexpr double tolerance = 1e-7;

inline torch::Tensor scores(const std::vector<std::int64_t>& shape, std::int64_t shift = 0) {
    auto all = torch::empty(shape, torch::kFloat32);
    for (std::int64_t i = 0; i < all.numel(); ++i) {
        all.data_ptr<float>()[i] =
            static_cast<float>(static_cast<double>((i * 7919 + 13 + shift) % 101) / 101);
    }
    return all;
}

inline torch::Tensor targets(const std::vector<std::int64_t>& shape, std::int64_t classes,
                             std::int64_t shift = 0) {
    auto all = torch::empty(shape, torch::kInt64);
    for (std::int64_t i = 0; i < all.numel(); ++i) {
        const std::int64_t k = i + shift;
        all.data_ptr<std::int64_t>()[i] = (k * 31 + k * k / 3) % classes;
    }
    return all;
}

/// The greatest difference to numbers that torchmetrics printed; 1e9 where the shapes differ.
inline double distance(const torch::Tensor& value, std::span<const double> wanted) {
    if (value.numel() != static_cast<std::int64_t>(wanted.size())) {
        return 1e9;
    }
    double greatest = 0.0;
    const auto flat = value.to(torch::kCPU, torch::kFloat64).reshape({-1});
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double found = flat[static_cast<std::int64_t>(i)].item<double>();
        greatest = std::max(greatest, found == wanted[i] ? 0.0 : std::abs(found - wanted[i]));
    }
    return greatest;
}

/// Two batches, each given to forward(); returns what the second one gave.
inline torch::Tensor two_batches(auto& metric, std::int64_t classes, bool labels = false) {
    torch::Tensor last;
    for (std::int64_t shift = 0; shift < 2; ++shift) {
        const std::int64_t n = shift == 0 ? 24 : 9;
        const auto target = targets({n}, classes, shift);
        last = metric(labels ? targets({n}, classes, shift + 5) : scores({n, classes}, shift), target);
    }
    return last;
}

/// Two ranks that hold the same: what a sum over them gives is twice the state.
struct TwinRanks {
    static std::int64_t rank() { return 0; }
    static std::int64_t world_size() { return 2; }
    static at::Tensor all_reduce(at::Tensor value, lit::ReduceOp op) {
        return op == lit::ReduceOp::sum ? value.mul_(2) : value;  // in place, as c10d does it
    }
    static at::Tensor all_gather(const at::Tensor& value) { return torch::stack({value, value}); }
    static at::Tensor broadcast(at::Tensor value, std::int64_t /*root*/) { return value; }
    static std::string broadcast(std::string value, std::int64_t /*root*/) { return value; }
    static void barrier() {}
};

}  // namespace reference
