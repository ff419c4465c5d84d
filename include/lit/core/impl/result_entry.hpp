// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/core/result_entry.hpp>
#include <lit/core/value.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace lit::detail {

LIT_INLINE Dict ResultEntry::state(const RankReducer& ranks) {
    Dict state{{"hook", info(hook).name},
               {"name", MetricNames::name(logged_name)},
               {"prog_bar", options.prog_bar},
               {"logger", options.logger},
               {"on_step", options.on_step},
               {"on_epoch", options.on_epoch},
               {"sync_dist", options.sync},
               {"add_dataloader_idx", options.add_dataloader_idx},
               {"reduce_fx", static_cast<std::int64_t>(options.reduce)},
               {"metric_object", options.metric_object}};
    if (options.metric_object) {
        state.set("state", resumed ? *resumed : metric.state(metric.object));
        if (const Number* value = read(false, ranks)) {
            state.set("value", value->value());
        }
    } else {
        state.set("sum", device_sum.defined() ? Value(device_sum.cpu()) : Value(sum));
        state.set("weight", weight);
    }
    if (step_valid) {
        state.set("step", step.value());
    }
    return state;
}

LIT_INLINE ResolvedLog ResultEntry::options_in(const Value& state) {
    return {.prog_bar = state.at("prog_bar").to_bool(),
            .logger = state.at("logger").to_bool(),
            .on_step = state.at("on_step").to_bool(),
            .on_epoch = state.at("on_epoch").to_bool(),
            .sync = state.at("sync_dist").to_bool(),
            .add_dataloader_idx = state.at("add_dataloader_idx").to_bool(),
            .reduce = static_cast<Reduce>(state.at("reduce_fx").to_int()),
            .metric_object = state.at("metric_object").to_bool()};
}

LIT_INLINE void ResultEntry::load(const Value& state, at::Device device) {
    reset();
    has_reset = false;
    loaded = true;
    if (options.metric_object) {
        resumed = state.at("state").dict();
        if (const Value* value = state.dict().find("value")) {
            computed = Number(value->to_double());
            computed_valid = true;
        }
    } else {
        const Value& total = state.at("sum");
        if (total.is<at::Tensor>()) {
            device_sum = total.tensor().to(device);  // where a mean is what it would have been
        } else {
            sum = total.to_double();
        }
        weight = state.at("weight").to_double();
    }
    if (const Value* last = state.dict().find("step")) {
        step = Number(last->to_double());
        step_valid = true;
    }
}

LIT_INLINE void ResultEntry::reset() {
    if (metric.object != nullptr) {
        metric.reset(metric.object);
    }
    has_reset = true;
    step_valid = computed_valid = false;
    sum = weight = 0.0;
    device_sum.reset();
    resumed.reset();
    loaded = merged = false;
}

LIT_INLINE void ResultEntry::accumulate(const Number& value, double batch_size) {
    const bool first = weight == 0.0;
    if (first) {
        device_sum.reset();
    }
    const double factor = options.reduce == Reduce::mean ? batch_size : 1.0;
    weight += factor;
    if (value.on_device()) {
        const at::Tensor wide = value.tensor().to(
            value.tensor().scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
        if (first) {
            device_sum = wide * factor;
        } else {
            // What came so far may have been the host's, or that of a run on another device.
            device_sum = combine(
                device_sum.defined() ? device_sum.to(wide.device()) : at::full({}, sum, wide.options()), wide * factor);
        }
    } else if (device_sum.defined()) {
        device_sum = combine(device_sum, at::full({}, value.value() * factor, device_sum.options()));
    } else {
        const double number = value.value();
        sum = first ? number * factor : combine(sum, number * factor);
    }
}

LIT_INLINE double ResultEntry::combine(double a, double b) const {
    switch (options.reduce) {
        case Reduce::maximum:
            return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : std::max(a, b);
        case Reduce::minimum:
            return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : std::min(a, b);
        default:
            return a + b;
    }
}

LIT_INLINE at::Tensor ResultEntry::combine(const at::Tensor& a, const at::Tensor& b) const {
    switch (options.reduce) {
        case Reduce::maximum:
            return at::maximum(a, b);
        case Reduce::minimum:
            return at::minimum(a, b);
        default:
            return a + b;
    }
}

LIT_INLINE Number ResultEntry::compute(const RankReducer& ranks) const {
    if (options.metric_object) {
        const at::Tensor value = metric.compute(metric.object, ranks.collective);
        if (value.numel() != 1) {
            throw Error("log: the metric object logged as \"" + MetricNames::name(name) + "\" computed " +
                        std::to_string(value.numel()) +
                        " numbers, and only one can be logged. Average over the classes, or log numbers of "
                        "your own from compute().");
        }
        return value;
    }
    Number total = device_sum.defined() ? Number(device_sum) : Number(sum);
    double divisor = weight;
    if (options.sync) {
        // A mean over ranks of unequal size: both parts are summed.
        total = ranks(total, options.reduce == Reduce::mean ? Reduce::sum : options.reduce);
        divisor = options.reduce == Reduce::mean ? ranks(Number(weight), Reduce::sum).value() : weight;
    }
    if (options.reduce != Reduce::mean) {
        return total;
    }
    return total.on_device() ? Number(total.tensor() / divisor) : Number(total.value() / divisor);
}

LIT_INLINE void ResultEntry::make_names() {
    const bool forked = options.on_step && options.on_epoch;
    const bool indexed = options.add_dataloader_idx && dataloader_idx >= 0;
    const std::string suffix = indexed ? "/dataloader_idx_" + std::to_string(dataloader_idx) : "";
    const std::string& plain = MetricNames::name(logged_name);
    name = MetricNames::intern(plain + suffix);
    step_name = MetricNames::intern(plain + (forked ? "_step" : "") + suffix);
    epoch_name = MetricNames::intern(plain + (forked ? "_epoch" : "") + suffix);
}

}  // namespace lit::detail
