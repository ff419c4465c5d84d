// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <torch/nn/module.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace lit {

struct LoadWeightsOptions {
    bool strict = true;         ///< missing and unexpected names are errors; shapes that differ always are
    std::string remove_prefix{};  ///< taken off names that begin with it: "module.", "backbone."; others are left out
    std::string add_prefix{};     ///< put before names: the part of the module that the weights are of
};

/// The tensors of a file of weights by their names: safetensors, `torch.save` of a state dict (torchvision, timm), or a
/// checkpoint of Lightning's, from which `state_dict` is taken.
///
/// Shapes  on the CPU, standing in the mapped file; see load_safetensors.
/// Errors  FileError; CheckpointError, with the path, for a damaged file and for one without named tensors.
[[nodiscard]] inline Dict load_state_dict(const std::filesystem::path& path) {
    std::array<char, 9> head{};
    std::ifstream(path, std::ios::binary).read(head.data(), head.size());
    // Eight bytes of a length, of which the upper ones are 0, and a brace.
    if (head[8] == '{' && head[7] == '\0' && head[6] == '\0') {
        return load_safetensors(path);
    }
    Value file = load_checkpoint(path, {.mmap = true});
    if (auto* all = file.get_if<Dict>()) {
        for (const std::string_view key : {std::string_view("state_dict"), std::string_view("model")}) {
            if (Value* inside = all->find(key); inside != nullptr && inside->is<Dict>()) {
                return std::move(inside->dict());
            }
        }
        return std::move(*all);
    }
    throw CheckpointError("\"" + path.string() + "\" holds a " + std::string(file.type_name()) +
                          " where a dict of named tensors was expected.");
}

/// Gives a module the weights of a file, by name: `lit::load_weights(net, "resnet18.safetensors", {.strict = false})`.
///
/// Returns what was left undone: names that the file lacks, and names that the module lacks; with `strict` there are none.
/// Errors  those of `load_state_dict`; CheckpointError that lists what does not fit, and nothing is changed.
/// Source  `torch.nn.Module.load_state_dict(torch.load(path), strict)`.
inline LoadReport load_weights(torch::nn::Module& module, const std::filesystem::path& path, const LoadWeightsOptions& options = {}) {
    Dict file = load_state_dict(path);
    Dict weights;
    for (auto& [key, value] : file) {
        if (!key.is<std::string>() || !key.string().starts_with(options.remove_prefix)) {
            continue;
        }
        if (!value.is<at::Tensor>()) {
            throw CheckpointError("\"" + path.string() + "\": " + key.string() + " is a " + std::string(value.type_name()) +
                                  " where a tensor was expected. Does the file hold weights alone?");
        }
        weights.append(Value(options.add_prefix + key.string().substr(options.remove_prefix.size())), std::move(value));
    }
    try {
        return load_module_state(module, weights, options.strict);
    } catch (const CheckpointError& error) {
        throw CheckpointError("\"" + path.string() + "\": " + error.what());
    }
}

}  // namespace lit
