// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loops/module_modes.hpp>

#include <torch/nn/module.h>

#include <cstddef>
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
        modes_.push_back(part->is_training());
    }
}

LIT_INLINE void ModuleModes::restore(torch::nn::Module& module) const {
    std::size_t index = 0;
    for (const auto& part : parts_of(module)) {
        part->train(modes_.at(index++));  // goes down to the children, each of which is set again later
    }
}

}  // namespace lit::detail
