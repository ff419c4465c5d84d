// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>
#include <lit/core/result_entry.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

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
            find_or_make(static_cast<Hook>(row - std::begin(hook_table)), MetricNames::intern(state.at("name").string()),
                         detail::ResultEntry::options_in(state))
                .load(state);
        }
    }

 private:
    using Entry = detail::ResultEntry;

    Entry& renewed(Hook hook, MetricId name, const ResolvedLog& options) {
        Entry& entry = find_or_make(hook, name, options);
        if (entry.loaded && !(entry.options == options)) {  // the program was changed since: the epoch's values begin here
            entry.reset();
            entry.options = options;
            entry.make_names();
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
        entry.make_names();
        return entry;
    }

    bool training_;
    std::int64_t dataloader_idx_ = -1;
    std::vector<Entry> entries_;
    std::array<std::vector<std::vector<std::uint32_t>>, hook_count> index_;
};

}  // namespace lit
