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

struct AccuracyOptions {
    std::int64_t num_classes = 0;  ///< required, at least 2
    std::int64_t top_k = 1;        ///< the target counts as hit among the `top_k` best scores; needs scores
    Average average = Average::micro;
    std::optional<std::int64_t> ignore_index = std::nullopt;  ///< a target value that does not count
};

/// The share of targets that were predicted.
///
/// Shapes  preds float [N, C, ...] (scores; the greatest wins) or integer [N, ...] (labels), target integer
/// [N, ...];
///         the value is 0-dim float32, or [C] for `Average::none`. Without a batch it is 0.
/// Errors  ConfigError on construction (`num_classes` < 2, `top_k` outside 1 to num_classes); DataError for a
/// batch
///         of another form, or a label out of range (on a GPU: from compute()).
/// Cost    update() and forward() queue about ten small kernels and do not wait; compute() waits for a GPU
/// once. Source  torchmetrics 1.9 `Accuracy(task="multiclass")`, same defaults: `micro`, where
/// `MulticlassAccuracy` has `macro`.
class Accuracy {
 public:
    explicit Accuracy(AccuracyOptions options)
        : options_(options),
          scores_("Accuracy", options.num_classes, options.top_k, options.average, options.ignore_index) {}

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
    [[nodiscard]] const AccuracyOptions& options() const { return options_; }

 private:
    [[nodiscard]] static at::Tensor value_of(const detail::StatScores& scores) {
        const detail::StateScope scope;
        const at::Tensor hits = scores.tp();
        const at::Tensor targets = hits + scores.fn();
        if (scores.average() == Average::micro) {
            return detail::StatScores::divide(hits.sum(0), targets.sum(0));
        }
        return scores.reduce(detail::StatScores::divide(hits, targets), scores.top_k() > 1);
    }

    AccuracyOptions options_;
    detail::StatScores scores_;
    at::Tensor batch_value_;
};
static_assert(MetricOf<Accuracy, at::Tensor, at::Tensor>);

}  // namespace lit
