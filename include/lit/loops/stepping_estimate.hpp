// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/run_state.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace lit::detail {

/// Answers a module's `estimated_stepping_batches()` while a fit lives; a fit inside a fit gives the answer back.
template <class Run, class Loop>
class EstimateScope {
 public:
    EstimateScope(Run& run, Loop& loop)
        : run_(run), loop_(loop), outer_(std::exchange(run.state().stepping_estimate, {this, &EstimateScope::ask})) {}
    EstimateScope(const EstimateScope&) = delete;
    EstimateScope& operator=(const EstimateScope&) = delete;
    ~EstimateScope() { run_.state().stepping_estimate = outer_; }

 private:
    static std::optional<std::int64_t> ask(void* scope) { return static_cast<EstimateScope*>(scope)->steps(); }

    std::optional<std::int64_t> steps() {
        const std::int64_t max_steps = run_.options().max_steps;
        const std::optional<std::int64_t> limit = max_steps == -1 ? std::nullopt : std::optional(max_steps);
        const std::int64_t epochs = run_.max_epochs();
        if (epochs == -1) {
            return limit;
        }
        loop_.load_early();
        const std::optional<std::int64_t> batches = run_.num_training_batches();
        if (!batches) {
            return limit;
        }
        const std::int64_t window = run_.accumulate_grad_batches();
        const std::int64_t steps = (*batches + window - 1) / window * std::max<std::int64_t>(epochs, 1);
        return limit ? std::min(steps, *limit) : steps;
    }

    Run& run_;
    Loop& loop_;
    SteppingEstimate outer_;
};

}  // namespace lit::detail
