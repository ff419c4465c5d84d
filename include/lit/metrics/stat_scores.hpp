// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace lit {

/// How the scores of the classes become one.
enum class Average {
    micro,     ///< count over all classes together
    macro,     ///< the mean of the classes that occur
    weighted,  ///< the mean of the classes, weighted by how often each is the target
    none,      ///< one value per class
};

namespace detail {

/// What the classification metrics ask of their settings.
inline void check_classes(std::string_view who, std::int64_t num_classes, std::int64_t top_k = 1) {
    if (num_classes < 2) {
        throw ConfigError(std::string(who) + ": num_classes = " + std::to_string(num_classes) +
                          ", expected at least 2. Give the number of classes, e.g. " + std::string(who) +
                          "{{.num_classes = 10}}.");
    }
    if (top_k < 1 || top_k > num_classes) {
        throw ConfigError(std::string(who) + ": top_k = " + std::to_string(top_k) +
                          ", expected 1 to num_classes (" + std::to_string(num_classes) + ").");
    }
}

[[nodiscard]] inline std::string shape_text(const at::Tensor& tensor) {
    std::string text = std::string(c10::toString(tensor.scalar_type())) + "[";
    for (std::int64_t d = 0; d < tensor.dim(); ++d) {
        text += (d == 0 ? "" : ", ") + std::to_string(tensor.size(d));
    }
    return text + "]";
}

/// State outlives the mode it is counted in: no history, and no inference tensors that refuse a later update.
struct StateScope {
    c10::InferenceMode normal{false};
    at::NoGradGuard no_grad;
};

/// Predicted and true classes of a batch, flat; what does not count is marked rather than removed, so that
/// the host need not learn how much that is.
struct Labels {
    at::Tensor preds;   ///< int64 [n]
    at::Tensor target;  ///< int64 [n]
    at::Tensor keep;    ///< bool [n]; undefined: all
    at::Tensor
        outside;  ///< int64 0-dim, how many labels were out of range; undefined where that is checked at once
};

/// Logits or probabilities [N, C, ...], or labels [N, ...], and targets [N, ...], as flat labels.
[[nodiscard]] inline Labels labels_of(std::string_view who, std::int64_t num_classes, std::int64_t top_k,
                                      std::optional<std::int64_t> ignore_index, const at::Tensor& preds,
                                      const at::Tensor& target) {
    const auto refuse = [&](const std::string& reason) {
        throw DataError(std::string(who) + ": " + reason +
                        " Expected preds float [N, C, ...] or integer [N, ...] and " +
                        "target integer [N, ...] with C = " + std::to_string(num_classes) + ".");
    };
    if (!preds.defined() || !target.defined()) {
        refuse("preds or target is an undefined tensor.");
    }
    const std::string found = "Found preds " + shape_text(preds) + ", target " + shape_text(target) + ".";
    if (preds.device() != target.device()) {
        refuse("preds is on " + preds.device().str() + ", target on " + target.device().str() + ". " + found);
    }
    if (!c10::isIntegralType(target.scalar_type(), true)) {
        refuse("target does not hold class numbers. " + found);
    }
    const bool scores = preds.dim() == target.dim() + 1;
    if (scores) {
        bool fits = preds.dim() > 1 && preds.size(0) == target.size(0);
        for (std::int64_t d = 1; d < target.dim() && fits; ++d) {
            fits = preds.size(d + 1) == target.size(d);
        }
        if (!fits || preds.size(1) != num_classes || !preds.is_floating_point()) {
            refuse("the shapes or types do not fit. " + found);
        }
    } else if (preds.sizes() != target.sizes() || !c10::isIntegralType(preds.scalar_type(), true)) {
        refuse("the shapes or types do not fit. " + found);
    } else if (top_k != 1) {
        refuse("top_k = " + std::to_string(top_k) + " needs the scores of all classes, not labels. " + found);
    }

    Labels labels;
    labels.target = target.reshape({-1}).to(at::kLong);
    if (scores && top_k > 1) {
        // The target counts as predicted where it is among the best k, else the best one does.
        const at::Tensor best = std::get<1>(preds.topk(top_k, 1));
        const at::Tensor hit = best.eq(target.unsqueeze(1)).any(1);
        labels.preds = at::where(hit, target.to(at::kLong), best.select(1, 0)).reshape({-1});
    } else {
        labels.preds = (scores ? preds.argmax(1) : preds).reshape({-1}).to(at::kLong);
    }
    if (ignore_index) {
        labels.keep = labels.target.ne(*ignore_index);
    }
    at::Tensor inside = labels.target.ge(0).logical_and_(labels.target.lt(num_classes));
    if (!scores) {
        inside.logical_and_(labels.preds.ge(0)).logical_and_(labels.preds.lt(num_classes));
    }
    const at::Tensor bad =
        labels.keep.defined() ? inside.logical_not().logical_and_(labels.keep) : inside.logical_not();
    if (target.is_cpu()) {
        if (bad.any().item<bool>()) {
            const auto first = bad.nonzero()[0].item<std::int64_t>();
            refuse("label out of range: target " + std::to_string(labels.target[first].item<std::int64_t>()) +
                   ", prediction " + std::to_string(labels.preds[first].item<std::int64_t>()) + " at place " +
                   std::to_string(first) +
                   " of the batch. Classes count from 0; `ignore_index` leaves one value out. " + found);
        }
    } else {
        labels.outside = bad.sum();
        labels.keep = labels.keep.defined() ? labels.keep.logical_and(inside) : inside;
    }
    return labels;
}

/// Adds one to each bin that `index` names. The bins are changed in place unless a copy of the metric holds
/// them too.
inline void count_into(at::Tensor& bins, std::int64_t row, const at::Tensor& index) {
    if (bins.use_count() > 1) {
        bins = bins.clone();
    }
    bins.select(0, row).scatter_add_(0, index, at::ones({1}, index.options()).expand_as(index));
}

/// Labels that were out of range on a device that cannot throw.
class OutsideCount {
 public:
    void add(const at::Tensor& outside) {
        if (outside.defined()) {
            count_ = count_.defined() ? count_ + outside : outside;
        }
    }
    /// Cost    the host waits for the device, if there is anything to look at.
    void check(std::string_view who, std::int64_t num_classes) const {
        if (!count_.defined()) {
            return;
        }
        if (const auto count = count_.item<std::int64_t>(); count > 0) {
            throw DataError(std::string(who) + ": " + std::to_string(count) +
                            " labels were out of range since the last reset. Expected 0 to " +
                            std::to_string(num_classes - 1) + " (num_classes = " +
                            std::to_string(num_classes) + "); `ignore_index` leaves one value out.");
        }
    }
    void reset() { count_.reset(); }
    [[nodiscard]] const at::Tensor& count() const { return count_; }

 private:
    at::Tensor count_;
};

/// Where a metric's state is: on the device of its batches. One that was loaded, as a clone's is, goes to that of the next batch.
class StateDevice {
 public:
    void loaded() { loaded_ = true; }
    /// Before a batch on `device` is added to the state, which is undefined without one before.
    /// Errors  DataError for another device than that of the batches before.
    void meet(std::string_view who, at::Tensor& state, at::Device device) {
        const bool follows = std::exchange(loaded_, false);
        if (!state.defined() || state.device() == device) {
            return;
        }
        if (!follows) {
            throw DataError(std::string(who) + ": a batch on " + device.str() + " after batches on " +
                            state.device().str() + ". Call reset() before another device.");
        }
        state = state.to(device);
    }

 private:
    bool loaded_ = false;
};

/// True positives, predictions and targets of every class: what accuracy and F1 are made of.
///
/// Source  torchmetrics 1.9, functional/classification/stat_scores.py, `multidim_average="global"`.
class StatScores {
 public:
    StatScores(std::string_view who, std::int64_t num_classes, std::int64_t top_k, Average average,
               std::optional<std::int64_t> ignore_index)
        : who_(who),
          num_classes_(num_classes),
          top_k_(top_k),
          average_(average),
          ignore_index_(ignore_index) {
        check_classes(who, num_classes, top_k);
    }

    void update(const at::Tensor& preds, const at::Tensor& target) {
        const StateScope scope;
        const Labels labels = labels_of(who_, num_classes_, top_k_, ignore_index_, preds, target);
        device_.meet(who_, counts_, target.device());
        if (!counts_.defined()) {
            counts_ = empty_counts(target.device());
        }
        outside_.add(labels.outside);
        at::Tensor correct = labels.preds.eq(labels.target);
        if (labels.keep.defined()) {
            correct.logical_and_(labels.keep);
        }
        if (average_ == Average::micro) {
            if (counts_.use_count() > 1) {
                counts_ = counts_.clone();
            }
            counts_.select(0, 0).add_(correct.sum());
            if (labels.keep.defined()) {
                counts_.narrow(0, 1, 2).add_(labels.keep.sum());
            } else {
                counts_.narrow(0, 1, 2).add_(labels.target.numel());
            }
            return;
        }
        const auto kept = [&](const at::Tensor& index) {
            return labels.keep.defined() ? index.masked_fill(labels.keep.logical_not(), num_classes_) : index;
        };
        count_into(counts_, 0, labels.target.masked_fill(correct.logical_not(), num_classes_));
        count_into(counts_, 1, kept(labels.preds));
        count_into(counts_, 2, kept(labels.target));
    }

    /// The batch alone, added to what was there.
    [[nodiscard]] StatScores forward(const at::Tensor& preds, const at::Tensor& target) {
        StatScores batch(who_, num_classes_, top_k_, average_, ignore_index_);
        device_.meet(who_, counts_, target.device());
        batch.update(preds, target);
        const StateScope scope;
        counts_ = counts_.defined() ? counts_ + batch.counts_ : batch.counts_;
        outside_.add(batch.outside_.count());
        return batch;
    }

    void reset() {
        counts_.reset();
        outside_.reset();
    }
    void check() const { outside_.check(who_, num_classes_); }

    void sync(CollectivePolicy auto& collective) {
        check();
        const StateScope scope;
        counts_ = collective.all_reduce((counts_.defined() ? counts_ : empty_counts(at::kCPU)).clone(),
                                        ReduceOp::sum);
    }

    /// [C], or [1] for `micro`
    [[nodiscard]] at::Tensor tp() const { return row(0); }
    [[nodiscard]] at::Tensor fp() const { return row(1) - row(0); }
    [[nodiscard]] at::Tensor fn() const { return row(2) - row(0); }
    [[nodiscard]] at::Tensor tn() const {
        const std::int64_t copies = average_ == Average::micro ? num_classes_ : 1;
        return row(2).sum() * copies - (row(1) + row(2) - row(0));
    }

    [[nodiscard]] Dict state() const {
        check();
        const StateScope scope;
        return Dict{{"tp", tp().clone()}, {"fp", fp()}, {"tn", tn()}, {"fn", fn()}};
    }
    void load_state(const Dict& state) {
        const StateScope scope;
        const at::Tensor& tp = state.at("tp").tensor();
        const at::Tensor& fp = state.at("fp").tensor();
        const at::Tensor& fn = state.at("fn").tensor();
        at::Tensor counts = empty_counts(tp.device());
        for (const at::Tensor* part : {&tp, &fp, &fn}) {
            if (part->numel() != visible()) {
                throw CheckpointError(std::string(who_) + ": a saved state of " +
                                      std::to_string(part->numel()) + " classes does not fit one of " +
                                      std::to_string(visible()) +
                                      ". Build the metric with the settings it was saved with.");
            }
        }
        const auto set = [&](std::int64_t index, const at::Tensor& value) {
            counts.select(0, index).narrow(0, 0, visible()).copy_(value.reshape({-1}));
        };
        set(0, tp);
        set(1, tp + fp);
        set(2, tp + fn);
        counts_ = std::move(counts);
        device_.loaded();
        outside_.reset();
    }

    /// The scores of the classes as one, or one each.
    [[nodiscard]] at::Tensor reduce(const at::Tensor& score, bool by_target) const {
        if (average_ == Average::none) {
            return score;
        }
        at::Tensor weights;
        if (average_ == Average::weighted) {
            weights = row(2);
        } else {
            const at::Tensor seen = by_target ? row(2) : row(1) + row(2) - row(0);
            weights = at::ones_like(score).masked_fill_(seen.eq(0), 0.0);
        }
        return divide(weights * score, weights.sum(-1, true)).sum(-1);
    }

    /// In float, 0 where the denominator is.
    [[nodiscard]] static at::Tensor divide(const at::Tensor& numerator, const at::Tensor& denominator) {
        const at::Tensor below = denominator.to(at::kFloat);
        return at::where(below.ne(0), numerator.to(at::kFloat) / below, at::zeros({}, below.options()));
    }

    [[nodiscard]] Average average() const { return average_; }
    [[nodiscard]] std::int64_t top_k() const { return top_k_; }

 private:
    /// The last bin takes what does not count.
    [[nodiscard]] std::int64_t bins() const { return average_ == Average::micro ? 1 : num_classes_ + 1; }
    [[nodiscard]] std::int64_t visible() const { return average_ == Average::micro ? 1 : num_classes_; }
    [[nodiscard]] at::Tensor empty_counts(at::Device device) const {
        return at::zeros({3, bins()}, at::TensorOptions().dtype(at::kLong).device(device));
    }
    [[nodiscard]] at::Tensor row(std::int64_t index) const {
        return (counts_.defined() ? counts_ : empty_counts(at::kCPU))
            .select(0, index)
            .narrow(0, 0, visible());
    }

    std::string_view who_;
    std::int64_t num_classes_;
    std::int64_t top_k_;
    Average average_;
    std::optional<std::int64_t> ignore_index_;
    at::Tensor counts_;  ///< int64 [3, bins]: true positives, predictions, targets
    StateDevice device_;
    OutsideCount outside_;
};

}  // namespace detail
}  // namespace lit
