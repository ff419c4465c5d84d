// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/value.hpp>
#include <lit/metrics/metric.hpp>
#include <lit/metrics/stat_scores.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace lit {

struct F1ScoreOptions {
    std::int64_t num_classes = 0;  ///< required, at least 2
    std::int64_t top_k = 1;  ///< the target counts as predicted among the `top_k` best scores; needs scores
    Average average = Average::micro;
    std::optional<std::int64_t> ignore_index = std::nullopt;  ///< a target value that does not count
};

/// The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn), 0 where that is 0 / 0.
///
/// Shapes  as Accuracy's.
/// Errors  as Accuracy's.
/// Cost    as Accuracy's.
/// Source  torchmetrics 1.9 `F1Score(task="multiclass")`, same defaults: `micro` (equal to the accuracy),
/// `zero_division` 0.
class F1Score {
 public:
    explicit F1Score(F1ScoreOptions options)
        : options_(options),
          scores_("F1Score", options.num_classes, options.top_k, options.average, options.ignore_index) {}

    void update(const at::Tensor& preds, const at::Tensor& target) { scores_.update(preds, target); }
    at::Tensor forward(const at::Tensor& preds, const at::Tensor& target) {
        return batch_value_ = value_of(scores_.forward(preds, target));
    }
    at::Tensor operator()(const at::Tensor& preds, const at::Tensor& target) {
        return forward(preds, target);
    }
    [[nodiscard]] at::Tensor compute() const {
        scores_.check();
        return value_of(scores_);
    }
    void reset() {
        scores_.reset();
        batch_value_.reset();
    }
    /// What the last forward() since reset() returned; undefined without one.
    [[nodiscard]] const at::Tensor& batch_value() const { return batch_value_; }
    void sync(CollectivePolicy auto& collective) { scores_.sync(collective); }
    [[nodiscard]] Dict state() const { return scores_.state(); }
    void load_state(const Dict& state) { scores_.load_state(state); }
    [[nodiscard]] const F1ScoreOptions& options() const { return options_; }

 private:
    [[nodiscard]] static at::Tensor value_of(const detail::StatScores& scores) {
        const detail::StateScope scope;
        const bool together = scores.average() == Average::micro;
        const at::Tensor hits = together ? scores.tp().sum(0) : scores.tp();
        const at::Tensor misses = scores.fp() + scores.fn();
        const at::Tensor score =
            detail::StatScores::divide(hits * 2, hits * 2 + (together ? misses.sum(0) : misses));
        return together ? score : scores.reduce(score, false);
    }

    F1ScoreOptions options_;
    detail::StatScores scores_;
    at::Tensor batch_value_;
};
static_assert(MetricOf<F1Score, at::Tensor, at::Tensor>);

}  // namespace lit
