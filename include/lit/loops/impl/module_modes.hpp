// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loops/module_modes.hpp>

#include <torch/nn/module.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace lit::detail {

// Module::modules() needs a shared_ptr to the root; lit's modules live where their owner wants.
inline std::vector<torch::nn::Module*> parts_of(const torch::nn::Module& root) {
    std::vector<torch::nn::Module*> all{const_cast<torch::nn::Module*>(&root)};
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (const auto& child : all[i]->children()) {
            all.push_back(child.get());
        }
    }
    return all;
}

LIT_INLINE void ModuleModes::capture(const torch::nn::Module& module) {
    modes_.clear();
    for (const auto& part : parts_of(module)) {
        modes_.emplace_back(part, part->is_training());
    }
}

LIT_INLINE void ModuleModes::restore(torch::nn::Module& module) const {
    auto next = modes_.begin();  // where nothing came or went, all are in their order
    for (const auto& part : parts_of(module)) {
        const auto known = next != modes_.end() && next->first == part
                               ? next
                               : std::ranges::find(modes_, part, &std::pair<const torch::nn::Module*, bool>::first);
        if (known != modes_.end()) {
            part->train(known->second);  // goes down to the children, each of which is set again later
            next = std::next(known);
        }
    }
}

}  // namespace lit::detail
