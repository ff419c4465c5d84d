// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <utility>
#include <vector>

namespace lit::detail {

/// Puts each part of a module back into the mode that it had; what was not there then gets the mode of what it is part of.
class ModuleModes {
 public:
    void capture(const torch::nn::Module& module);
    void restore(torch::nn::Module& module) const;

 private:
    std::vector<std::pair<const torch::nn::Module*, bool>> modes_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/module_modes.hpp>
#endif
