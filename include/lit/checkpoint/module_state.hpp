// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

/// What a load that was not strict left undone.
struct LoadReport {
    std::vector<std::string> missing;     ///< in the module, not in the file: they keep their values
    std::vector<std::string> unexpected;  ///< in the file, not in the module: ignored
};

namespace detail {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Python's order: module by module, the parameters of each, then its buffers, then its children. A module
/// that is registered twice appears twice, as in Python.
LIT_INLINE void collect_state(const torch::nn::Module& module, const std::string& prefix, NamedTensors& into);

/// The first twenty names, and how many more there are.
LIT_INLINE std::string listed(const std::vector<std::string>& names, std::string_view separator);

/// Copies a state dict into tensors that go by these names; `what` they are, for the message.
LIT_INLINE LoadReport load_tensors(const NamedTensors& targets, const Dict& state, bool strict, const std::string& what);

}  // namespace detail

/// The parameters and buffers of a module under Python's names, in Python's order.
///
/// Shapes  the tensors share memory with the module; none asks for gradients.
/// Source  `torch.nn.Module.state_dict`. C++ modules have no buffers that are left out (`persistent=False`).
LIT_INLINE Dict module_state_dict(const torch::nn::Module& module);

/// Copies a state dict into a module's own tensors, which keep their dtype and device.
///
/// strict  every name must be on both sides; otherwise what is on one side only is left alone and reported.
/// Shapes  must agree in any case; one element may stand for a tensor without dimensions, as in Python.
/// Errors  one CheckpointError that lists everything that does not fit; then nothing has been copied.
/// Source  `torch.nn.Module.load_state_dict`.
LIT_INLINE LoadReport load_module_state(torch::nn::Module& module, const Dict& state, bool strict = true);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/module_state.hpp>
#endif
