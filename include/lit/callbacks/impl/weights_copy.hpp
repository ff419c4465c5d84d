// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/weights_copy.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/GradMode.h>
#include <torch/nn/module.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace lit::detail {

LIT_INLINE OwnTensors::OwnTensors(const torch::nn::Module& module) {
    std::vector<at::Tensor> buffers;
    std::unordered_map<const void*, bool> seen;
    collect(module, buffers, seen);
    parameters = tensors.size();
    tensors.insert(tensors.end(), buffers.begin(), buffers.end());
}

LIT_INLINE void OwnTensors::collect(const torch::nn::Module& module, std::vector<at::Tensor>& buffers,
                                    std::unordered_map<const void*, bool>& seen) {
    const auto add = [&seen](std::vector<at::Tensor>& into, const at::Tensor& tensor) {
        if (tensor.defined() && seen.emplace(tensor.unsafeGetTensorImpl(), true).second) {
            into.push_back(tensor);
        }
    };
    for (const at::Tensor& parameter : module.parameters(/*recurse=*/false)) {
        add(tensors, parameter);
    }
    for (const at::Tensor& buffer : module.buffers(/*recurse=*/false)) {
        add(buffers, buffer);
    }
    for (const auto& child : module.children()) {
        collect(*child, buffers, seen);
    }
}

LIT_INLINE WeightsCopy::WeightsCopy(const torch::nn::Module& module, const at::Device& device) {
    const c10::NoGradGuard no_grad;
    const OwnTensors own(module);
    parameters_ = own.parameters;
    std::unordered_map<const void*, std::size_t> index;
    for (const at::Tensor& tensor : own.tensors) {
        index.emplace(tensor.unsafeGetTensorImpl(), tensors_.size());
        tensors_.push_back(tensor.detach().clone().to(device));
    }
    NamedTensors named;
    collect_state(module, "", named);
    for (const auto& [name, tensor] : named) {
        names_.emplace_back(name, tensors_[index.at(tensor.unsafeGetTensorImpl())]);
    }
}

LIT_INLINE void WeightsCopy::copy_from(const OwnTensors& current, std::size_t first) {
    const c10::NoGradGuard no_grad;
    check(current);
    for (std::size_t i = first; i < tensors_.size(); ++i) {
        tensors_[i].copy_(current.tensors[i]);
    }
}

LIT_INLINE void WeightsCopy::copy_to(const OwnTensors& current, std::size_t count) const {
    const c10::NoGradGuard no_grad;
    check(current);
    for (std::size_t i = 0; i < count; ++i) {
        current.tensors[i].copy_(tensors_[i]);
    }
}

LIT_INLINE void WeightsCopy::swap_with(const OwnTensors& current) {
    const c10::NoGradGuard no_grad;
    check(current);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        const at::Tensor mine = tensors_[i].clone();
        tensors_[i].copy_(current.tensors[i]);
        current.tensors[i].copy_(mine);
    }
}

LIT_INLINE Dict WeightsCopy::state_dict() const {
    Dict state;
    for (const auto& [name, tensor] : names_) {
        state.append(Value(name), Value(tensor));
    }
    return state;
}

LIT_INLINE void WeightsCopy::load_state_dict(const Dict& state, bool strict) {
    load_tensors(names_, state, strict, "averaged weights");
}

LIT_INLINE void WeightsCopy::check(const OwnTensors& current) const {
    if (current.tensors.size() != tensors_.size() || current.parameters != parameters_) {
        throw Error("Weight averaging: the module has " + std::to_string(current.parameters) +
                    " parameters and " + std::to_string(current.tensors.size() - current.parameters) +
                    " buffers, the averaged copy " + std::to_string(parameters_) + " and " +
                    std::to_string(tensors_.size() - parameters_) +
                    ". It is another module, or it registered some after setup: register all in the "
                    "constructor.");
    }
}

}  // namespace lit::detail
