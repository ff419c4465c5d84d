// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/item.h>

#include <string>
#include <string_view>
#include <utility>

/// How the settings of a parameter group go to and from Python's dict. A key that the file lacks keeps its
/// value.
namespace lit::detail {

inline double number_of(const Value& value) {
    if (const auto* tensor = value.get_if<at::Tensor>()) {  // Python allows a learning rate in a tensor
        return tensor->item().toDouble();
    }
    return value.to_double();
}

inline void take(const Dict& group, std::string_view key, double& target) {
    if (const Value* found = group.find(key); found != nullptr && !found->is_none()) {
        target = number_of(*found);
    }
}

/// None is false: `fused=None` and `fused=False` are the same arithmetic.
inline void take(const Dict& group, std::string_view key, bool& target) {
    if (const Value* found = group.find(key)) {
        target = !found->is_none() && found->to_bool();
    }
}

inline void take(const Dict& group, std::string_view key, std::pair<double, double>& target) {
    if (const Value* found = group.find(key)) {
        const List& items = found->items();
        if (items.size() != 2) {
            throw CheckpointError("Optimizer: \"" + std::string(key) + "\" has " +
                                  std::to_string(items.size()) + " numbers in the file, expected 2.");
        }
        target = {number_of(items[0]), number_of(items[1])};
    }
}

/// Throws unless `holds`; written so that nan fails.
inline void require_option(bool holds, std::string_view who, std::string_view option, double found,
                           std::string_view expected) {
    if (!holds) {
        throw ConfigError(std::string(who) + ": " + std::string(option) + " is " + std::to_string(found) +
                          ", expected " + std::string(expected) + ".");
    }
}

}  // namespace lit::detail
