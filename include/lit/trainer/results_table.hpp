// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loops/evaluation_metrics.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace lit::detail {

/// The metrics of an evaluation as a table, one column per loader.
[[nodiscard]] LIT_INLINE std::string results_table(const std::vector<Metrics>& results, std::string_view title);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/trainer/impl/results_table.hpp>
#endif
