// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lit {

/// The version of these headers. CMakeLists.txt, which packages take it from, says the same.
inline constexpr std::string_view version = "0.1.0";

}  // namespace lit
