// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>
#include <lit/core/value.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// What one loop has logged: one entry per (hook, name, loader). Lightning's `_ResultCollection`.
///
/// Cost    an entry is found by two indices. A value on the CPU is added as a double; one on another device is
///         added there. Strings and memory are touched when an entry is made, not when it is used.
class ResultCollection {
 public:
    /// `training` decides what reaches `callback_metrics`: step values do while training, and never in evaluation.
    explicit ResultCollection(bool training) : training_(training) {}

    /// The loader whose batches are being evaluated; -1 when there is only one, or none.
    void set_dataloader(std::int64_t index) { dataloader_idx_ = index; }

    /// Errors  lit::Error when the same name was logged in the same hook with other arguments.
    void log(Hook hook, MetricId name, const Number& value, const ResolvedLog& options, double batch_size,
             const RankReducer& ranks) {
        Entry& entry = renewed(hook, name, options);
        if (options.on_step) {
            entry.step = options.sync ? ranks(value, options.reduce) : value;
            entry.step_valid = true;
            if (!options.on_epoch) {
                return;
            }
        }
        entry.accumulate(value, batch_size);
    }

    /// Remembers a metric object, which is asked at the epoch's end; `batch_value` is its value for this batch alone,
    /// undefined where it has none: then there is nothing to publish for the step.
    ///
    /// Errors  as above, also when another object was logged under that name.
    void log_metric(Hook hook, MetricId name, const MetricRef& metric, const at::Tensor& batch_value,
                    const ResolvedLog& options) {
        Entry& entry = renewed(hook, name, options);
        if (entry.metric.object != nullptr && entry.metric.object != metric.object) {
            refuse_second(hook, name);
        }
        entry.metric = metric;
        if (entry.resumed) {
            // One object under two names has gathered once.
            if (std::ranges::none_of(entries_, [&](const Entry& e) { return e.merged && e.metric.object == metric.object; })) {
                metric.merge(metric.object, *entry.resumed);
            }
            entry.resumed.reset();
            entry.merged = true;
        }
        if (options.on_step) {
            entry.step_valid = batch_value.defined();
            if (entry.step_valid) {
                entry.step = batch_value;
            }
        }
    }

    /// Forgets the values of one hook, so that a new epoch starts anew. Metric objects go on: they are reset once the
    /// epoch's values have been read.
    void reset(Hook hook) {
        for (Entry& entry : entries_) {
            // With several loaders a hook's entries belong to one loader each and begin anew one by one.
            if (entry.hook == hook && entry.dataloader_idx == dataloader_idx_ && !entry.options.metric_object) {
                entry.reset();
            }
        }
    }
    void reset() {
        for (Entry& entry : entries_) {
            entry.reset();
        }
    }

    /// Lets go of the metric objects, which may not outlive the run; one that an exception left in the middle of an
    /// epoch is reset first.
    void release_metrics() {
        for (Entry& entry : entries_) {
            if (entry.metric.object != nullptr && !entry.has_reset) {
                entry.reset();
            }
            entry.metric = {};
        }
    }

    /// Hands every valid value to `sink(kind-flags, plain name, forked name, number, options)`.
    template <class Sink>
    void publish(bool on_step, const RankReducer& ranks, Sink&& sink) {
        for (Entry& entry : entries_) {
            if (entry.has_reset || entry.dataloader_idx != dataloader_idx_) {
                continue;
            }
            const Number* number = entry.read(on_step, ranks);
            if (number == nullptr) {
                continue;
            }
            const bool for_callbacks = training_ || (entry.options.on_epoch && !on_step);
            sink(entry.name, on_step ? entry.step_name : entry.epoch_name, *number, entry.options, for_callbacks);
        }
    }
    [[nodiscard]] bool empty() const { return entries_.empty(); }

    /// The values of an epoch under way, one dict for each, from which another process goes on with it.
    [[nodiscard]] List state(const RankReducer& ranks) {
        List all;
        for (Entry& entry : entries_) {
            if (!entry.has_reset) {
                all.push_back(entry.state(ranks));
            }
        }
        return all;
    }
    /// Takes up what `state()` gave. A metric object is not known before it is logged again: what it had gathered is added
    /// to it then, and its value at that time is the epoch's if it is not.
    ///
    /// Errors  CheckpointError for a hook that is unknown, or for numbers that are none.
    void load_state(const List& all) {
        for (const Value& state : all) {
            const std::string& hook = state.at("hook").string();
            const auto* row = std::ranges::find(hook_table, std::string_view(hook), &HookInfo::name);
            if (hook.empty() || row == std::end(hook_table)) {
                throw CheckpointError("metrics: the file holds a value logged in \"" + hook +
                                      "\", which is no hook that this version of lit knows.");
            }
            const ResolvedLog options{.prog_bar = state.at("prog_bar").to_bool(),
                                      .logger = state.at("logger").to_bool(),
                                      .on_step = state.at("on_step").to_bool(),
                                      .on_epoch = state.at("on_epoch").to_bool(),
                                      .sync = state.at("sync_dist").to_bool(),
                                      .add_dataloader_idx = state.at("add_dataloader_idx").to_bool(),
                                      .reduce = static_cast<Reduce>(state.at("reduce_fx").to_int()),
                                      .metric_object = state.at("metric_object").to_bool()};
            find_or_make(static_cast<Hook>(row - std::begin(hook_table)), MetricNames::intern(state.at("name").string()),
                         options)
                .load(state);
        }
    }

 private:
    struct Entry {
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

        [[nodiscard]] Dict state(const RankReducer& ranks) {
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
        void load(const Value& state) {
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
                    device_sum = total.tensor();
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
        void reset() {
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

        void accumulate(const Number& value, double batch_size) {
            const bool first = weight == 0.0;
            const double factor = options.reduce == Reduce::mean ? batch_size : 1.0;
            weight += factor;
            if (value.on_device()) {
                const at::Tensor wide = value.tensor().to(
                    value.tensor().scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
                device_sum = first ? wide * factor : combine(device_sum, wide * factor);
            } else {
                const double number = value.value();
                sum = first ? number * factor : combine(sum, number * factor);
            }
        }
        [[nodiscard]] double combine(double a, double b) const {
            switch (options.reduce) {
                case Reduce::maximum:
                    return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : std::max(a, b);
                case Reduce::minimum:
                    return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : std::min(a, b);
                default:
                    return a + b;
            }
        }
        [[nodiscard]] at::Tensor combine(const at::Tensor& a, const at::Tensor& b) const {
            switch (options.reduce) {
                case Reduce::maximum:
                    return at::maximum(a, b);
                case Reduce::minimum:
                    return at::minimum(a, b);
                default:
                    return a + b;
            }
        }

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
        [[nodiscard]] Number compute(const RankReducer& ranks) const {
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
    };

    Entry& renewed(Hook hook, MetricId name, const ResolvedLog& options) {
        Entry& entry = find_or_make(hook, name, options);
        if (entry.loaded && !(entry.options == options)) {  // the program was changed since: the epoch's values begin here
            entry.reset();
            entry.options = options;
            name_entry(entry);
        }
        entry.loaded = false;
        if (!(entry.options == options) || entry.dataloader_idx != dataloader_idx_) {
            refuse_second(hook, name);
        }
        entry.has_reset = false;
        entry.computed_valid = false;
        return entry;
    }
    [[noreturn]] static void refuse_second(Hook hook, MetricId name) {
        throw Error("log: \"" + MetricNames::name(name) + "\" was logged twice in " + std::string(info(hook).name) +
                    " with different arguments. Use the same arguments, or another name.");
    }

    Entry& find_or_make(Hook hook, MetricId name, const ResolvedLog& options) {
        auto& by_name = index_[static_cast<std::size_t>(hook)];
        if (name < by_name.size()) {
            for (const std::uint32_t at : by_name[name]) {
                Entry& entry = entries_[at];
                // Without an index in its name an entry is one for all loaders, and a second loader is refused.
                if (entry.dataloader_idx == dataloader_idx_ || !options.add_dataloader_idx) {
                    return entry;
                }
            }
        } else {
            by_name.resize(name + std::size_t{1});
        }
        by_name[name].push_back(static_cast<std::uint32_t>(entries_.size()));
        Entry& entry = entries_.emplace_back();
        entry.hook = hook;
        entry.dataloader_idx = dataloader_idx_;
        entry.options = options;
        entry.logged_name = name;
        name_entry(entry);
        return entry;
    }
    static void name_entry(Entry& entry) {
        const bool forked = entry.options.on_step && entry.options.on_epoch;
        const bool indexed = entry.options.add_dataloader_idx && entry.dataloader_idx >= 0;
        const std::string suffix = indexed ? "/dataloader_idx_" + std::to_string(entry.dataloader_idx) : "";
        const std::string& plain = MetricNames::name(entry.logged_name);
        entry.name = MetricNames::intern(plain + suffix);
        entry.step_name = MetricNames::intern(plain + (forked ? "_step" : "") + suffix);
        entry.epoch_name = MetricNames::intern(plain + (forked ? "_epoch" : "") + suffix);
    }

    bool training_;
    std::int64_t dataloader_idx_ = -1;
    std::vector<Entry> entries_;
    std::array<std::vector<std::vector<std::uint32_t>>, hook_count> index_;
};

}  // namespace lit
