// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/process_group.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace lit::detail {

/// One line for each tensor. Gloo ends a process that is sent another size than it expects, so look before; and buckets of
/// gradients are laid out as the parameters are.
inline std::string describe(const torch::nn::Module& module) {
    std::ostringstream out;
    std::vector<std::pair<at::Tensor, std::string>> seen;
    const auto line = [&](const char* kind, const std::string& name, const at::Tensor& tensor) {
        out << kind << name << " ";
        const auto same = std::find_if(seen.begin(), seen.end(),
                                       [&](const auto& other) { return other.first.is_same(tensor); });
        if (!tensor.defined()) {
            out << "undefined\n";
        } else if (same != seen.end()) {
            out << "the same as " << same->second << "\n";
        } else {
            out << tensor.sizes() << " " << tensor.scalar_type();
            if (!tensor.is_contiguous()) {
                out << " with strides " << tensor.strides();
            }
            out << (tensor.requires_grad() || *kind == 'b' ? "" : ", frozen") << "\n";
            seen.emplace_back(tensor, name);
        }
    };
    for (const auto& item : module.named_parameters()) {
        line("parameter ", item.key(), item.value());
    }
    for (const auto& item : module.named_buffers()) {
        line("buffer ", item.key(), item.value());
    }
    return out.str();
}
/// Errors  DistributedError on every rank, with the first difference, where the modules of the ranks are not alike.
inline void require_equal_modules(const ProcessGroupCollective& collective, const torch::nn::Module& module) {
    const std::string mine = describe(module);
    const std::string first = collective.broadcast(mine, 0);
    const at::Tensor differs =
        collective.all_gather(at::scalar_tensor(static_cast<std::int64_t>(mine != first), at::kLong));
    const auto* flags = static_cast<const std::int64_t*>(differs.const_data_ptr());
    const auto world_size = static_cast<std::size_t>(collective.world_size());
    const std::size_t other = static_cast<std::size_t>(std::find(flags, flags + world_size, 1) - flags);
    if (other == world_size) {
        return;
    }
    const std::string theirs = collective.broadcast(mine, static_cast<std::int64_t>(other));
    std::istringstream left(first);
    std::istringstream right(theirs);
    std::string a;
    std::string b;
    do {
        a = b = "nothing";
        std::getline(left, a);
        std::getline(right, b);
    } while (a == b);
    throw DistributedError("DDP: the module of rank " + std::to_string(other) +
                           " differs from that of rank 0: rank 0 has " + (left ? a : "nothing more") +
                           ", rank " + std::to_string(other) + " has " + (right ? b : "nothing more") +
                           ". Build the same module in every process.");
}

}  // namespace lit::detail
