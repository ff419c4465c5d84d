// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <torch/nn/module.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace lit {

/// The parts of a module as a table: name, type, number of parameters, mode; and the sums below it.
///
/// Units   `max_depth`: levels of parts; -1: all.
/// Source  Lightning `ModelSummary`, without the columns for FLOPs and sizes, which need an example input; the size in
///         MB is counted from the parameters' own types.
[[nodiscard]] LIT_INLINE std::string summary_text(const torch::nn::Module& module, std::int64_t max_depth = 1);

struct ModelSummaryOptions {
    std::int64_t max_depth = 1;  ///< levels of parts; -1: all; 0: print nothing
    std::FILE* file = nullptr;   ///< none: stdout
};

/// Prints `summary_text` when a fit begins, on rank 0.
///
/// Errors  ConfigError for max_depth < -1.
/// Source  Lightning `ModelSummary`.
class ModelSummary {
 public:
    using Role = role::model_summary;

    explicit ModelSummary(ModelSummaryOptions options = {});

    void on_fit_start(auto& trainer, auto& module) const {
        if (options_.max_depth == 0 || !trainer.is_global_zero()) {
            return;
        }
        std::FILE* file = options_.file != nullptr ? options_.file : stdout;
        std::fputs((summary_text(module, options_.max_depth) + "\n").c_str(), file);
        std::fflush(file);
    }

 private:
    ModelSummaryOptions options_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/model_summary.hpp>
#endif
