// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <vector>

namespace lit::detail {

/// Puts a module into evaluation mode and each part of it back into the mode it had.
class ModuleModes {
 public:
    void capture(const torch::nn::Module& module);
    void restore(torch::nn::Module& module) const;

 private:
    std::vector<bool> modes_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/module_modes.hpp>
#endif
