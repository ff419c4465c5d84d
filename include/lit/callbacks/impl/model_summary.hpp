// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/summary_table.hpp>
#include <lit/callbacks/model_summary.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace lit {

LIT_INLINE std::string summary_text(const torch::nn::Module& module, std::int64_t max_depth) {
    return detail::SummaryTable(module, max_depth).text();
}

LIT_INLINE ModelSummary::ModelSummary(ModelSummaryOptions options) : options_(options) {
    if (options_.max_depth < -1) {
        throw ConfigError("ModelSummary: max_depth = " + std::to_string(options_.max_depth) +
                          ". Expected -1 (all levels), 0 (no summary) or more.");
    }
}

}  // namespace lit
