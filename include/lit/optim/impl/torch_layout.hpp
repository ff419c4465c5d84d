// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/detail/torch_layout.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace lit::detail {

LIT_INLINE void LayoutWriter::operator()(std::string_view key, const std::tuple<double, double>& pair) const {
    target.set(key, Tuple{{std::get<0>(pair), std::get<1>(pair)}});
}

LIT_INLINE void LayoutWriter::operator()(std::string_view key, const at::Tensor& tensor) const {
    if (tensor.defined()) {
        target.set(key, tensor);
    }
}

LIT_INLINE void LayoutWriter::operator()(std::string_view key, const std::int64_t& step) const {
    target.set(key, at::zeros({}).fill_(step));  // Python counts in a tensor
}

LIT_INLINE void LayoutWriter::operator()(std::string_view key, const Flat<const std::deque<at::Tensor>>& tensors) const {
    target.set(key, List(tensors.value.begin(), tensors.value.end()));
}

LIT_INLINE void LayoutWriter::operator()(std::string_view key, const std::optional<std::string>& text) const {
    target.set(key, text ? Value(*text) : Value());
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, const Fixed& fixed) const {
    if (!fixed.binding) {
        return;
    }
    bool found = fixed.value.to_bool();
    take(source, key, found);
    if (found != fixed.value.to_bool()) {
        throw CheckpointError("Optimizer: \"" + std::string(key) + "\" is " + (found ? "True" : "False") +
                              " in the file, and LibTorch's optimizer of this name does not know it. Use lit's, which does.");
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, std::tuple<double, double>& pair) const {
    std::pair<double, double> numbers{std::get<0>(pair), std::get<1>(pair)};
    take(source, key, numbers);
    pair = {numbers.first, numbers.second};
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, at::Tensor& tensor) const {
    const Value* found = source.find(key);
    if (found == nullptr || found->is_none()) {
        return;
    }
    const at::Tensor& saved = found->tensor();
    if (saved.sizes() != param->sizes()) {
        throw CheckpointError("Optimizer: \"" + std::string(key) +
                              "\" has another shape in the file than its "
                              "parameter. The model is another one.");
    }
    tensor = at::empty_like(*param, param->options().requires_grad(false)).copy_(saved);
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, const Needed<at::Tensor>& tensor) const {
    (*this)(key, tensor.value);
    if (!tensor.value.defined()) {
        throw CheckpointError("Optimizer: a parameter's state in the file has no \"" + std::string(key) +
                              "\". It is the state of another kind of optimizer.");
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, std::int64_t& step) const {
    if (const Value* found = source.find(key)) {
        step = static_cast<std::int64_t>(number_of(*found));
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, const Whole<std::int64_t>& number) const {
    if (const Value* found = source.find(key); found != nullptr && !found->is_none()) {
        number.value = found->to_int();
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, const Flat<at::Tensor>& tensor) const {
    if (const Value* found = source.find(key); found != nullptr && !found->is_none()) {
        // Python has a plain 1 in the place of H_diag until that is computed.
        tensor.value = found->is<at::Tensor>()
                           ? own(found->tensor())
                           : at::scalar_tensor(number_of(*found), param->options().requires_grad(false));
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, const Flat<std::deque<at::Tensor>>& tensors) const {
    if (const Value* found = source.find(key)) {
        tensors.value.clear();
        for (const Value& each : found->items()) {
            tensors.value.push_back(own(each.tensor()));
        }
    }
}

LIT_INLINE void LayoutReader::operator()(std::string_view key, std::optional<std::string>& text) const {
    if (const Value* found = source.find(key)) {
        text = found->is_none() ? std::nullopt : std::optional(found->string());
    }
}

LIT_INLINE at::Tensor LayoutReader::own(const at::Tensor& saved) const {
    return saved.to(param->options().requires_grad(false), false, true);
}

}  // namespace lit::detail
