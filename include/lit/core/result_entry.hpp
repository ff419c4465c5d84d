// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/number.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

namespace lit {

/// The arguments of `log` after the hook's defaults have been filled in.
struct ResolvedLog {
    bool prog_bar = false;
    bool logger = true;
    bool on_step = false;
    bool on_epoch = false;
    bool sync = false;
    bool add_dataloader_idx = true;
    Reduce reduce = Reduce::mean;
    bool metric_object = false;

    bool operator==(const ResolvedLog&) const = default;
};

/// Reduces over the ranks of a run; empty on one rank. A plain function, so that whoever logs need not know the
/// strategy's type.
struct RankReducer {
    void* context = nullptr;
    Number (*reduce)(void* context, const Number& value, Reduce how) = nullptr;
    CollectiveRef* collective = nullptr;  ///< for metric objects, which bring their ranks together themselves

    [[nodiscard]] Number operator()(const Number& value, Reduce how) const {
        return reduce != nullptr ? reduce(context, value, how) : value;
    }
};

namespace detail {

/// The values of one (hook, name, loader).
struct ResultEntry {
    Hook hook = Hook::none;
    std::int64_t dataloader_idx = -1;
    MetricId name = 0;
    MetricId step_name = 0;
    MetricId epoch_name = 0;
    ResolvedLog options;
    bool has_reset = true;
    bool step_valid = false;
    bool computed_valid = false;
    Number step;
    Number computed;
    double sum = 0.0;
    double weight = 0.0;
    at::Tensor device_sum;
    MetricRef metric;
    bool loaded = false;  ///< came from a checkpoint, and was not logged since
    bool merged = false;  ///< what came from a checkpoint was added to the object
    std::optional<Dict> resumed;  ///< of a metric object that was not logged again since
    MetricId logged_name = 0;

    [[nodiscard]] Dict state(const RankReducer& ranks);
    [[nodiscard]] static ResolvedLog options_in(const Value& state);
    void load(const Value& state, at::Device device);
    void reset();

    void accumulate(const Number& value, double batch_size);
    [[nodiscard]] double combine(double a, double b) const;
    [[nodiscard]] at::Tensor combine(const at::Tensor& a, const at::Tensor& b) const;

    const Number* read(bool on_step, const RankReducer& ranks) {
        if (on_step) {
            return options.on_step && step_valid ? &step : nullptr;
        }
        if (!options.on_epoch) {
            return nullptr;
        }
        if (!computed_valid) {
            computed = compute(ranks);
            computed_valid = true;
        }
        return &computed;
    }
    [[nodiscard]] Number compute(const RankReducer& ranks) const;

    /// Of a name that is forked into the step's and the epoch's value, and of one of several loaders.
    void make_names();
};

}  // namespace detail
}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/result_entry.hpp>
#endif
