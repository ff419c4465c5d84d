// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <cstddef>
#include <vector>

namespace lit::detail {

/// Puts a module into evaluation mode and each part of it back into the mode it had.
class ModuleModes {
 public:
    void capture(const torch::nn::Module& module) {
        modes_.clear();
        for (const auto& part : parts(module)) {
            modes_.push_back(part->is_training());
        }
    }
    void restore(torch::nn::Module& module) const {
        std::size_t index = 0;
        for (const auto& part : parts(module)) {
            set(*part, modes_.at(index++));
        }
    }

 private:
    // Module::modules() needs a shared_ptr to the root; lit's modules live where their owner wants.
    static std::vector<torch::nn::Module*> parts(const torch::nn::Module& root) {
        std::vector<torch::nn::Module*> all{const_cast<torch::nn::Module*>(&root)};
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (const auto& child : all[i]->children()) {
                all.push_back(child.get());
            }
        }
        return all;
    }
    // train() goes down to the children, so it is called from the root downwards: each child is set again later.
    static void set(torch::nn::Module& part, bool training) { part.train(training); }

    std::vector<bool> modes_;
};

}  // namespace lit::detail
