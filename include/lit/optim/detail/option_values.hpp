// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

/// How the settings of a parameter group go to and from Python's dict. A key that the file lacks keeps its
/// value.
namespace lit::detail {

LIT_INLINE double number_of(const Value& value);

LIT_INLINE void take(const Dict& group, std::string_view key, double& target);

/// None is false: `fused=None` and `fused=False` are the same arithmetic.
LIT_INLINE void take(const Dict& group, std::string_view key, bool& target);

LIT_INLINE void take(const Dict& group, std::string_view key, std::pair<double, double>& target);

LIT_INLINE void take(const Dict& saved, std::string_view key, std::int64_t& target);

LIT_INLINE void take(const Dict& saved, std::string_view key, std::vector<double>& target);

LIT_INLINE Value list_of(const std::vector<double>& numbers);

/// Throws unless `holds`; written so that nan fails.
LIT_INLINE void require_option(bool holds, std::string_view who, std::string_view option, double found,
                           std::string_view expected);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/option_values.hpp>
#endif
