// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

LIT_INLINE Value::Value() noexcept = default;
LIT_INLINE Value::Value(None /*none*/) noexcept {}
LIT_INLINE Value::Value(std::nullptr_t /*none*/) noexcept {}
LIT_INLINE Value::Value(bool v) noexcept : storage_(std::in_place_type<bool>, v) {}
LIT_INLINE Value::Value(std::int64_t v) noexcept : storage_(std::in_place_type<std::int64_t>, v) {}
LIT_INLINE Value::Value(double v) noexcept : storage_(std::in_place_type<double>, v) {}
LIT_INLINE Value::Value(float v) noexcept : storage_(std::in_place_type<double>, v) {}
LIT_INLINE Value::Value(const char* v) : storage_(std::in_place_type<std::string>, v) {}
LIT_INLINE Value::Value(std::string_view v) : storage_(std::in_place_type<std::string>, v) {}
LIT_INLINE Value::Value(std::string v) noexcept : storage_(std::in_place_type<std::string>, std::move(v)) {}
LIT_INLINE Value::Value(at::Tensor v) noexcept : storage_(std::in_place_type<at::Tensor>, std::move(v)) {}
LIT_INLINE Value::Value(List v) noexcept : storage_(std::in_place_type<List>, std::move(v)) {}
LIT_INLINE Value::Value(Tuple v) noexcept : storage_(std::in_place_type<Tuple>, std::move(v)) {}
LIT_INLINE Value::Value(Dict v) noexcept : storage_(std::in_place_type<Dict>, std::move(v)) {}
LIT_INLINE Value::Value(Opaque v) noexcept : storage_(std::in_place_type<Opaque>, std::move(v)) {}
LIT_INLINE Value::Value(const Value& other) = default;
LIT_INLINE Value::Value(Value&& other) noexcept = default;
LIT_INLINE Value& Value::operator=(const Value& other) = default;
LIT_INLINE Value& Value::operator=(Value&& other) noexcept = default;
LIT_INLINE Value::~Value() = default;

LIT_INLINE std::string_view Value::type_name_of(std::size_t index) {
    constexpr std::string_view names[] = {"None",   "bool", "int",   "float", "str",
                                          "Tensor", "list", "tuple", "dict",  "object"};
    return names[index];
}

LIT_INLINE void Value::refuse(std::size_t wanted) const {
    throw CheckpointError("Value: found a " + std::string(type_name()) + " where a " + std::string(type_name_of(wanted)) +
                          " was expected. The file was written by something else, or is damaged.");
}

LIT_INLINE Dict::Dict() = default;
LIT_INLINE Dict::Dict(const Dict&) = default;
LIT_INLINE Dict::Dict(Dict&&) noexcept = default;
LIT_INLINE Dict& Dict::operator=(const Dict&) = default;
LIT_INLINE Dict& Dict::operator=(Dict&&) noexcept = default;
LIT_INLINE Dict::~Dict() = default;

LIT_INLINE Dict::Dict(std::initializer_list<std::pair<std::string_view, Value>> items) {
    items_.reserve(items.size());
    for (const auto& [key, value] : items) {
        items_.emplace_back(Value(key), value);
    }
}

LIT_INLINE const Value* Dict::find(std::string_view key) const {
    const auto found = std::ranges::find_if(items_, [&](const Item& item) { return item.first.equals(key); });
    return found == items_.end() ? nullptr : &found->second;
}
LIT_INLINE Value* Dict::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

LIT_INLINE const Value* Dict::find(std::int64_t key) const {
    const auto found = std::ranges::find_if(items_, [&](const Item& item) {
        return item.first.is<std::int64_t>() && item.first.as<std::int64_t>() == key;
    });
    return found == items_.end() ? nullptr : &found->second;
}

LIT_INLINE Value* Dict::find(std::int64_t key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

LIT_INLINE void Dict::set(Value key, Value value) {
    const auto same = [&](const Item& item) {
        if (key.is<std::string>()) {
            return item.first.equals(key.as<std::string>());
        }
        return key.is<std::int64_t>() && item.first.is<std::int64_t>() &&
               item.first.as<std::int64_t>() == key.as<std::int64_t>();
    };
    if (const auto found = std::ranges::find_if(items_, same); found != items_.end()) {
        found->second = std::move(value);
    } else {
        items_.emplace_back(std::move(key), std::move(value));
    }
}

LIT_INLINE void Dict::append(Value key, Value value) { items_.emplace_back(std::move(key), std::move(value)); }

LIT_INLINE bool Dict::erase(std::string_view key) {
    return std::erase_if(items_, [&](const Item& item) { return item.first.equals(key); }) != 0;
}

LIT_INLINE const Value& Dict::at(std::string_view key) const {
    if (const Value* found = find(key)) {
        return *found;
    }
    std::string known;
    for (const Item& item : items_) {
        if (const auto* name = item.first.get_if<std::string>()) {
            known += (known.empty() ? "" : ", ") + *name;
        }
    }
    throw CheckpointError("Dict: no key \"" + std::string(key) + "\". Known: " + (known.empty() ? "none" : known) + ".");
}

LIT_INLINE Value& Dict::operator[](std::string_view key) {
    if (Value* found = find(key)) {
        return *found;
    }
    items_.emplace_back(Value(key), Value());
    return items_.back().second;
}

}  // namespace lit
