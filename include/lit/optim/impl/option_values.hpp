// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/item.h>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE double number_of(const Value& value) {
    if (const auto* tensor = value.get_if<at::Tensor>()) {  // Python allows a learning rate in a tensor
        return tensor->item().toDouble();
    }
    return value.to_double();
}

LIT_INLINE void take(const Dict& group, std::string_view key, double& target) {
    if (const Value* found = group.find(key); found != nullptr && !found->is_none()) {
        target = number_of(*found);
    }
}

LIT_INLINE void take(const Dict& group, std::string_view key, bool& target) {
    if (const Value* found = group.find(key)) {
        target = !found->is_none() && found->to_bool();
    }
}

LIT_INLINE void take(const Dict& group, std::string_view key, std::pair<double, double>& target) {
    if (const Value* found = group.find(key)) {
        const List& items = found->items();
        if (items.size() != 2) {
            throw CheckpointError("Optimizer: \"" + std::string(key) + "\" has " +
                                  std::to_string(items.size()) + " numbers in the file, expected 2.");
        }
        target = {number_of(items[0]), number_of(items[1])};
    }
}

LIT_INLINE void take(const Dict& saved, std::string_view key, std::int64_t& target) {
    if (const Value* found = saved.find(key)) {
        target = found->to_int();
    }
}

LIT_INLINE Value list_of(const std::vector<double>& numbers) { return List(numbers.begin(), numbers.end()); }

LIT_INLINE void take(const Dict& saved, std::string_view key, std::vector<double>& target) {
    if (const Value* found = saved.find(key)) {
        target.clear();
        for (const Value& item : found->items()) {
            target.push_back(number_of(item));
        }
    }
}

LIT_INLINE void require_option(bool holds, std::string_view who, std::string_view option, double found,
                           std::string_view expected) {
    if (!holds) {
        char text[40];
        const auto end = std::to_chars(text, text + sizeof(text), found);  // the fewest digits that are this number
        throw ConfigError(std::string(who) + ": " + std::string(option) + " is " + std::string(text, end.ptr) +
                          ", expected " + std::string(expected) + ".");
    }
}

}  // namespace lit::detail
