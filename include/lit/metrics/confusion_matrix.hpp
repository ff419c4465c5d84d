// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/metrics/metric.hpp>
#include <lit/metrics/stat_scores.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lit {

/// What the counts of a confusion matrix are divided by.
enum class Normalize {
    none,       ///< counts, int64
    over_true,  ///< each row by its sum: torchmetrics' "true"
    over_pred,  ///< each column by its sum: "pred"
    all,        ///< by the sum of all
};

struct ConfusionMatrixOptions {
    std::int64_t num_classes = 0;  ///< required, at least 2
    Normalize normalize = Normalize::none;
    std::optional<std::int64_t> ignore_index = std::nullopt;  ///< a target value that does not count
};

/// How often class i (row) was taken for class j (column).
///
/// Shapes  preds float [N, C, ...] (scores; the greatest wins) or integer [N, ...] (labels), target integer
/// [N, ...];
///         the value is [C, C], int64, or float32 when normalized, with 0 where a sum is 0.
/// Errors  ConfigError on construction (`num_classes` < 2); DataError for a batch of another form, or a label
/// out of
///         range (on a GPU: from compute()).
/// Cost    update() and forward() do not wait; compute() waits for a GPU once.
/// Source  torchmetrics 1.9 `ConfusionMatrix(task="multiclass")`, which warns where a sum is 0.
class ConfusionMatrix {
 public:
    static constexpr bool is_one_number = false;  ///< it cannot be logged as it is

    explicit ConfusionMatrix(ConfusionMatrixOptions options) : options_(options) {
        detail::check_classes(who, options.num_classes);
    }

    void update(const at::Tensor& preds, const at::Tensor& target) {
        const detail::StateScope scope;
        const std::int64_t classes = options_.num_classes;
        const detail::Labels labels =
            detail::labels_of(who, classes, 1, options_.ignore_index, preds, target);
        device_.meet(who, counts_, target.device());
        if (!counts_.defined()) {
            counts_ = empty_counts(target.device());
        }
        outside_.add(labels.outside);
        at::Tensor cell = labels.target * classes + labels.preds;
        if (labels.keep.defined()) {
            cell.masked_fill_(labels.keep.logical_not(), classes * classes);
        }
        detail::count_into(counts_, 0, cell);
    }

    at::Tensor forward(const at::Tensor& preds, const at::Tensor& target) {
        ConfusionMatrix batch(options_);
        device_.meet(who, counts_, target.device());
        batch.update(preds, target);
        const detail::StateScope scope;
        counts_ = counts_.defined() ? counts_ + batch.counts_ : batch.counts_;
        outside_.add(batch.outside_.count());
        return batch.value();
    }
    at::Tensor operator()(const at::Tensor& preds, const at::Tensor& target) {
        return forward(preds, target);
    }

    [[nodiscard]] at::Tensor compute() const {
        outside_.check(who, options_.num_classes);
        return value();
    }

    void reset() {
        counts_.reset();
        outside_.reset();
    }

    void sync(CollectivePolicy auto& collective) {
        outside_.check(who, options_.num_classes);
        const detail::StateScope scope;
        counts_ = collective.all_reduce((counts_.defined() ? counts_ : empty_counts(at::kCPU)).clone(),
                                        ReduceOp::sum);
    }

    [[nodiscard]] Dict state() const {
        outside_.check(who, options_.num_classes);
        const detail::StateScope scope;
        return Dict{{"confmat", matrix()}};
    }
    void load_state(const Dict& state) {
        const detail::StateScope scope;
        const at::Tensor& saved = state.at("confmat").tensor();
        const std::int64_t classes = options_.num_classes;
        if (saved.numel() != classes * classes) {
            throw CheckpointError(std::string(who) + ": a saved matrix of " + std::to_string(saved.numel()) +
                                  " cells does not fit num_classes = " + std::to_string(classes) +
                                  ". Build the metric with the settings it was saved with.");
        }
        at::Tensor counts = empty_counts(saved.device());
        counts.select(0, 0).narrow(0, 0, classes * classes).copy_(saved.reshape({-1}));
        counts_ = std::move(counts);
        device_.loaded();
        outside_.reset();
    }
    [[nodiscard]] const ConfusionMatrixOptions& options() const { return options_; }

 private:
    static constexpr const char* who = "ConfusionMatrix";

    [[nodiscard]] at::Tensor value() const {
        const detail::StateScope scope;
        at::Tensor counts = matrix();
        switch (options_.normalize) {
            case Normalize::none:
                break;
            case Normalize::over_true:
                return detail::StatScores::divide(counts, counts.sum(1, true));
            case Normalize::over_pred:
                return detail::StatScores::divide(counts, counts.sum(0, true));
            case Normalize::all:
                return detail::StatScores::divide(counts, counts.sum());
        }
        return counts;
    }

    /// A copy without the last cell, which takes what does not count.
    [[nodiscard]] at::Tensor matrix() const {
        const std::int64_t classes = options_.num_classes;
        return (counts_.defined() ? counts_ : empty_counts(at::kCPU))
            .select(0, 0)
            .narrow(0, 0, classes * classes)
            .reshape({classes, classes})
            .clone();
    }
    [[nodiscard]] at::Tensor empty_counts(at::Device device) const {
        return at::zeros({1, options_.num_classes * options_.num_classes + 1},
                         at::TensorOptions().dtype(at::kLong).device(device));
    }

    ConfusionMatrixOptions options_;
    at::Tensor counts_;  ///< int64 [1, C * C + 1]
    detail::StateDevice device_;
    detail::OutsideCount outside_;
};
static_assert(MetricOf<ConfusionMatrix, at::Tensor, at::Tensor>);

}  // namespace lit
