// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/module_state.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/nn/module.h>

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

LIT_INLINE void collect_state(const torch::nn::Module& module, const std::string& prefix, NamedTensors& into) {
    for (const auto& entry : module.named_parameters(/*recurse=*/false)) {
        if (entry.value().defined()) {
            into.emplace_back(prefix + entry.key(), entry.value());
        }
    }
    for (const auto& entry : module.named_buffers(/*recurse=*/false)) {
        if (entry.value().defined()) {
            into.emplace_back(prefix + entry.key(), entry.value());
        }
    }
    for (const auto& child : module.named_children()) {
        collect_state(*child.value(), prefix + child.key() + ".", into);
    }
}

LIT_INLINE std::string listed(const std::vector<std::string>& names, std::string_view separator) {
    static constexpr std::size_t shown = 20;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < shown; ++i) {
        text.append(i == 0 ? "" : separator).append(names[i]);
    }
    if (names.size() > shown) {
        text.append(separator).append("and " + std::to_string(names.size() - shown) + " more");
    }
    return text;
}

inline std::string sizes_text(const at::Tensor& tensor) {
    std::ostringstream out;
    out << tensor.sizes();
    return out.str();
}

LIT_INLINE LoadReport load_tensors(const NamedTensors& targets, const Dict& state, bool strict, const std::string& what) {
    std::unordered_map<std::string_view, const Value*> given;
    for (const auto& item : state) {
        given.emplace(item.first.string(), &item.second);
    }
    LoadReport report;
    std::vector<std::string> misfits;
    std::vector<std::pair<at::Tensor, at::Tensor>> copies;
    for (const auto& [name, target] : targets) {
        const auto found = given.find(name);
        if (found == given.end()) {
            report.missing.push_back(name);
        } else if (const auto* source = found->second->get_if<at::Tensor>();
                   source == nullptr || !source->defined()) {
            misfits.push_back(name + ": found a " + std::string(found->second->type_name()) +
                              ", expected a tensor");
        } else if (source->sizes() == target.sizes()) {
            copies.emplace_back(target, *source);
        } else if (target.dim() == 0 && source->dim() == 1 && source->size(0) == 1) {
            copies.emplace_back(target, source->select(0, 0));
        } else {
            misfits.push_back(name + ": found " + sizes_text(*source) + ", expected " +
                              sizes_text(target));
        }
    }
    std::unordered_map<std::string_view, bool> known;
    for (const auto& target : targets) {
        known.emplace(target.first, true);
    }
    for (const auto& item : state) {
        if (!known.contains(item.first.string())) {
            report.unexpected.push_back(item.first.string());
        }
    }

    const bool names_differ = strict && !(report.missing.empty() && report.unexpected.empty());
    if (names_differ || !misfits.empty()) {
        std::string message =
            "load: the state does not fit the " + what + ", nothing was changed.";
        if (strict && !report.missing.empty()) {
            message += "\n  missing keys: " + listed(report.missing, ", ");
        }
        if (strict && !report.unexpected.empty()) {
            message += "\n  unexpected keys: " + listed(report.unexpected, ", ");
        }
        if (!misfits.empty()) {
            message += "\n  shapes that differ:\n    " + listed(misfits, "\n    ");
        }
        throw CheckpointError(
            message +
            "\nIs it a checkpoint of another model, or of the same model built with other "
            "hyperparameters?" +
            (misfits.empty() ? " With strict = false only the common names are loaded." : ""));
    }
    const c10::NoGradGuard no_grad;
    for (auto& [target, source] : copies) {
        target.copy_(source);
    }
    return report;
}

}  // namespace detail

LIT_INLINE Dict module_state_dict(const torch::nn::Module& module) {
    detail::NamedTensors tensors;
    detail::collect_state(module, "", tensors);
    Dict state;
    state.ordered = true;
    for (auto& [name, tensor] : tensors) {
        state.append(Value(std::move(name)), Value(tensor.detach()));
    }
    return state;
}

LIT_INLINE LoadReport load_module_state(torch::nn::Module& module, const Dict& state, bool strict) {
    detail::NamedTensors targets;
    detail::collect_state(module, "", targets);
    return detail::load_tensors(targets, state, strict, "module " + module.name());
}

}  // namespace lit
