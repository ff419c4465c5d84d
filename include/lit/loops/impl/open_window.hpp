// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/open_window.hpp>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace lit::detail {

LIT_INLINE void load_gradients(torch::nn::Module& module, const Dict& gradients) {
    auto parameters = module.named_parameters();
    for (const auto& [name, gradient] : gradients) {
        at::Tensor* parameter = parameters.find(name.string());
        if (parameter == nullptr || parameter->sizes() != gradient.tensor().sizes()) {
            throw CheckpointError("fit: the file holds an accumulated gradient of " + name.string() +
                                  (parameter == nullptr ? ", which this module does not have."
                                                        : ", which has another shape in this module.") +
                                  " Resume with the module that wrote the file.");
        }
        parameter->mutable_grad() = gradient.tensor().to(parameter->device(), parameter->scalar_type()).clone();
    }
}

}  // namespace lit::detail
