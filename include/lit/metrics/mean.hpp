// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/metrics/metric.hpp>
#include <lit/metrics/stat_scores.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace lit {

/// What happens to values and weights that are nan.
enum class NanStrategy {
    warn,     ///< left out; compute() says how many, once, on stderr
    ignore,   ///< left out
    error,    ///< compute() throws
    disable,  ///< not looked at: the mean becomes nan
};

struct MeanMetricOptions {
    NanStrategy nan_strategy = NanStrategy::warn;
};

/// The mean of all values that came, weighted.
///
/// Shapes  values of any shape, weights that broadcast to it (default 1); the value is 0-dim, nan without a
/// value.
///         Sums are kept in float32, in float64 once a float64 tensor came.
/// Errors  NonFiniteLoss from compute() for `NanStrategy::error`; DataError for weights that do not
/// broadcast. Cost    update() and forward() do not wait; compute() waits for a GPU once under `warn` and
/// `error`. Source  torchmetrics 1.9 `MeanMetric`, which looks for nan, and waits, at every update.
class MeanMetric {
 public:
    explicit MeanMetric(MeanMetricOptions options = {}) : options_(options) {}

    void update(const at::Tensor& value, const at::Tensor& weight) {
        if (!value.defined() || !weight.defined()) {
            throw DataError(
                "MeanMetric: value or weight is an undefined tensor. Leave the weight out for weight 1.");
        }
        bool fits = weight.dim() <= value.dim();
        for (std::int64_t d = 1; fits && d <= weight.dim(); ++d) {
            fits = weight.size(-d) == 1 || weight.size(-d) == value.size(-d);
        }
        if (!fits) {
            throw DataError("MeanMetric: weight " + detail::shape_text(weight) +
                            " does not broadcast to value " + detail::shape_text(value) + ".");
        }
        const detail::StateScope scope;
        add(batch_sums(value.detach(), weight.detach()));
    }
    void update(const at::Tensor& value, double weight = 1.0) { update(value, scalar(weight, value)); }
    void update(double value, double weight = 1.0) { update(scalar(value), scalar(weight)); }

    at::Tensor forward(const auto&... batch) requires requires(MeanMetric& m) { m.update(batch...); }
    {
        MeanMetric alone(options_);
        alone.update(batch...);
        const detail::StateScope scope;
        add(alone.sums_);
        return batch_value_ = alone.value();
    }
    at::Tensor operator()(const auto&... batch) requires requires(MeanMetric& m) { m.update(batch...); }
    { return forward(batch...); }

    [[nodiscard]] at::Tensor compute() const {
        check();
        return value();
    }

    void reset() {
        sums_.reset();
        batch_value_.reset();
    }

    /// What the last forward() since reset() returned; undefined without one.
    [[nodiscard]] const at::Tensor& batch_value() const { return batch_value_; }
    void sync(CollectivePolicy auto& collective) {
        const detail::StateScope scope;
        // In one type on all ranks, some of which may have had no batch; in double if one has it.
        const bool doubled = sums_.defined() && sums_.scalar_type() == at::kDouble;
        const at::Tensor own = (sums_.defined() ? sums_ : at::zeros({3}, at::kFloat)).to(at::kDouble);
        const at::Tensor all = collective.all_reduce(
            at::cat({own, at::full({1}, doubled ? 1.0 : 0.0, own.options())}), ReduceOp::sum);
        sums_ = all.narrow(0, 0, 3).to(all[3].item<double>() > 0.0 ? at::kDouble : at::kFloat);
    }

    [[nodiscard]] Dict state() const {
        const detail::StateScope scope;
        const at::Tensor sums = sums_.defined() ? sums_ : at::zeros({3}, at::kFloat);
        return Dict{{"mean_value", sums[0].clone()}, {"weight", sums[1].clone()}};
    }
    void load_state(const Dict& state) {
        const detail::StateScope scope;
        const at::Tensor& total = state.at("mean_value").tensor();
        const at::Tensor& weight = state.at("weight").tensor();
        if (total.numel() != 1 || weight.numel() != 1) {
            throw CheckpointError("MeanMetric: found a saved state " + detail::shape_text(total) + " and " +
                                  detail::shape_text(weight) + ", expected one number each.");
        }
        sums_ = at::stack({total.reshape({}), weight.reshape({}), at::zeros({}, total.options())});
        device_.loaded();
    }
    [[nodiscard]] const MeanMetricOptions& options() const { return options_; }

 private:
    [[nodiscard]] static at::Tensor scalar(double number) {
        return at::scalar_tensor(number, at::kDouble).to(at::kFloat);
    }
    [[nodiscard]] static at::Tensor scalar(double number, const at::Tensor& like) {
        return at::scalar_tensor(
            number, like.options().dtype(like.scalar_type() == at::kDouble ? at::kDouble : at::kFloat));
    }

    /// [3]: the weighted sum, the sum of the weights, how many were nan
    [[nodiscard]] at::Tensor batch_sums(at::Tensor value, at::Tensor weight) const {
        const auto type = value.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
        value = value.to(type);
        weight = weight.to(value.device(), type).expand_as(value);
        at::Tensor nans = at::zeros({}, value.options());
        if (options_.nan_strategy != NanStrategy::disable) {
            const at::Tensor nan = value.isnan().logical_or_(weight.isnan());
            value = value.masked_fill(nan, 0.0);
            weight = weight.masked_fill(nan, 0.0);
            nans = nan.sum().to(type);
        }
        return at::stack({(value * weight).sum(), weight.sum(), nans});
    }

    void add(const at::Tensor& sums) {
        device_.meet("MeanMetric", sums_, sums.device());
        sums_ = sums_.defined() ? sums_ + sums : sums;
    }

    void check() const {
        if (!sums_.defined() || options_.nan_strategy == NanStrategy::ignore ||
            options_.nan_strategy == NanStrategy::disable) {
            return;
        }
        const auto count = static_cast<std::int64_t>(sums_[2].item<double>());
        if (count == 0) {
            return;
        }
        if (options_.nan_strategy == NanStrategy::error) {
            throw NonFiniteLoss("MeanMetric: " + std::to_string(count) +
                                " values or weights were nan since the last reset.");
        }
        std::fprintf(stderr,
                     "lit: MeanMetric: %lld values or weights were nan and are left out of the mean.\n",
                     static_cast<long long>(count));
    }

    [[nodiscard]] at::Tensor value() const {
        const detail::StateScope scope;
        const at::Tensor sums = sums_.defined() ? sums_ : at::zeros({3}, at::kFloat);
        return sums[0] / sums[1];
    }

    MeanMetricOptions options_;
    at::Tensor sums_;
    detail::StateDevice device_;
    at::Tensor batch_value_;
};
static_assert(MetricOf<MeanMetric, at::Tensor>);
static_assert(MetricOf<MeanMetric, at::Tensor, at::Tensor>);
static_assert(MetricOf<MeanMetric, double>);

}  // namespace lit
