// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <string>

namespace lit {
namespace detail {

/// A value on one line: lists in brackets, dicts in braces.
LIT_INLINE void append_yaml_flow(std::string& out, const Value& value);

}  // namespace detail

/// A dict as YAML 1.1, one key a line, nested dicts indented, lists in brackets.
///
/// Reads back to equal values in PyYAML's safe loader, save that a tuple becomes a list, a tensor of up to
/// 1000 elements its numbers and a larger one a description, and an object of a Python class its class's
/// name.
[[nodiscard]] LIT_INLINE std::string to_yaml(const Dict& dict);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/yaml.hpp>
#endif
