// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>
#include <lit/core/results.hpp>
#include <lit/core/run_state.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <string>

namespace lit {

LIT_INLINE RunState::RunState() = default;
LIT_INLINE RunState::RunState(const RunState&) = default;
LIT_INLINE RunState::RunState(RunState&&) noexcept = default;
LIT_INLINE RunState& RunState::operator=(const RunState&) = default;
LIT_INLINE RunState& RunState::operator=(RunState&&) noexcept = default;
LIT_INLINE RunState::~RunState() = default;

LIT_INLINE void RunState::log(MetricId name, const Number& value, const LogOptions& options) {
    const ResolvedLog resolved = prepare_log(name, options, false);
    if (options.rank_zero_only && rank != 0) {
        return;
    }
    results->log(current_hook, name, value, resolved, weight_of(name, options, resolved), ranks);
}

LIT_INLINE void RunState::log_metric(MetricId name, const MetricRef& metric, const at::Tensor& batch_value,
                                      const LogOptions& options) {
    const ResolvedLog resolved = prepare_log(name, options, true);
    if (options.reduce_fx != Reduce::mean) {
        throw Error("log: \"" + MetricNames::name(name) +
                    "\" is a metric object and was given a reduce_fx. It reduces by itself: leave reduce_fx out.");
    }
    results->log_metric(current_hook, name, metric, batch_value, resolved);
}

LIT_INLINE void RunState::release_metrics() {
    for (ResultCollection* each : all_results()) {
        each->release_metrics();
    }
}

LIT_INLINE void RunState::forget_results() {
    for (ResultCollection* each : all_results()) {
        each->reset();
    }
}

LIT_INLINE void RunState::resume_epoch(const List& metrics, at::Device device) {
    train_results.load_state(metrics, device);
    iteration_ = Iteration::first;
}

LIT_INLINE void RunState::reset_results() {
    if (results != nullptr) {
        results->reset();
    }
    iteration_ = Iteration::none;
    logged_hook_ = Hook::none;
}

LIT_INLINE void RunState::reset_metrics() {
    callback_metrics.clear();
    logged_metrics.clear();
    progress_bar_metrics.clear();
}

LIT_INLINE void RunState::publish() {
    if (results == nullptr) {
        return;
    }
    publish_to([](MetricId, const Number&) {});
}

LIT_INLINE const MetricTable& RunState::publish(MetricTable& only) {
    if (results == nullptr) {
        return only;
    }
    results->publish(on_step(), ranks,
                     [&](MetricId plain, MetricId forked, const Number& number, const ResolvedLog& options,
                         bool for_callbacks) {
                         if (&only == &callback_metrics ? for_callbacks
                                                        : &only == &logged_metrics ? options.logger : options.prog_bar) {
                             if (&only == &callback_metrics) {
                                 only.set(plain, number);
                             }
                             only.set(forked, number);
                         }
                     });
    return only;
}

LIT_INLINE ResolvedLog RunState::prepare_log(MetricId name, const LogOptions& options, bool metric_object) {
    if (results == nullptr) {
        throw Error("log: \"" + MetricNames::name(name) +
                    "\" was logged while nothing collects it (predict, or outside of fit, validate and test). "
                    "Log in a hook of training, validation or test.");
    }
    ResolvedLog resolved = resolve(name, options);
    resolved.metric_object = metric_object;
    if (logged_hook_ != current_hook && iteration_ != Iteration::later) {
        results->reset(current_hook);
    }
    logged_hook_ = current_hook;
    return resolved;
}

LIT_INLINE ResolvedLog RunState::resolve(MetricId name, const LogOptions& options) const {
    const Logging logging = info(current_hook).logging;
    if (logging == Logging::forbidden) {
        throw Error("log: \"" + MetricNames::name(name) + "\" cannot be logged " +
                    (current_hook == Hook::none ? std::string("outside of a hook")
                                                : "in " + std::string(info(current_hook).name)) +
                    ". Log it in a step, or in a batch, epoch start or epoch end hook.");
    }
    ResolvedLog resolved{.prog_bar = options.prog_bar,
                         .logger = options.logger,
                         .on_step = options.on_step.value_or(logging == Logging::step),
                         .on_epoch = options.on_epoch.value_or(logging != Logging::step),
                         .sync = options.sync_dist && !options.rank_zero_only,
                         .add_dataloader_idx = options.add_dataloader_idx,
                         .reduce = options.reduce_fx};
    if (!resolved.on_step && !resolved.on_epoch) {
        throw Error("log: \"" + MetricNames::name(name) +
                    "\" was given on_step = false and on_epoch = false, so nobody would see it. Set one of them.");
    }
    if (logging == Logging::epoch && (resolved.on_step || !resolved.on_epoch)) {
        throw Error("log: \"" + MetricNames::name(name) + "\" in " + std::string(info(current_hook).name) +
                    " is a value of an epoch: only on_step = false, on_epoch = true is possible there.");
    }
    return resolved;
}

LIT_INLINE double RunState::weight_of(MetricId name, const LogOptions& options, const ResolvedLog& resolved) const {
    if (!resolved.on_epoch || resolved.reduce != Reduce::mean) {
        return 1.0;
    }
    if (options.batch_size != 0) {
        if (options.batch_size < 0) {
            throw Error("log: \"" + MetricNames::name(name) + "\" was given batch_size = " +
                        std::to_string(options.batch_size) + ", expected 1 or more, or 0: taken from the batch.");
        }
        return static_cast<double>(options.batch_size);
    }
    if (batch_size < 0) {
        throw Error("log: the mean of \"" + MetricNames::name(name) +
                    "\" needs the batch size, and none could be found in the batch. Give .batch_size = n.");
    }
    return batch_size == 0 ? 1.0 : static_cast<double>(batch_size);
}

}  // namespace lit
