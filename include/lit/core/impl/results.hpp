// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/number.hpp>
#include <lit/core/result_entry.hpp>
#include <lit/core/results.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace lit {

LIT_INLINE ResultCollection::ResultCollection(bool training) : training_(training) {}
LIT_INLINE ResultCollection::ResultCollection(const ResultCollection&) = default;
LIT_INLINE ResultCollection::ResultCollection(ResultCollection&&) noexcept = default;
LIT_INLINE ResultCollection& ResultCollection::operator=(const ResultCollection&) = default;
LIT_INLINE ResultCollection& ResultCollection::operator=(ResultCollection&&) noexcept = default;
LIT_INLINE ResultCollection::~ResultCollection() = default;

LIT_INLINE void ResultCollection::log(Hook hook, MetricId name, const Number& value, const ResolvedLog& options,
                                      double batch_size, const RankReducer& ranks) {
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

LIT_INLINE void ResultCollection::log_metric(Hook hook, MetricId name, const MetricRef& metric, const at::Tensor& batch_value,
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

LIT_INLINE void ResultCollection::reset(Hook hook) {
    for (Entry& entry : entries_) {
        // With several loaders a hook's entries belong to one loader each and begin anew one by one.
        if (entry.hook == hook && entry.dataloader_idx == dataloader_idx_ && !entry.options.metric_object) {
            entry.reset();
        }
    }
}

LIT_INLINE void ResultCollection::reset() {
    for (Entry& entry : entries_) {
        entry.reset();
    }
}

LIT_INLINE void ResultCollection::release_metrics() {
    for (Entry& entry : entries_) {
        if (entry.metric.object != nullptr && !entry.has_reset) {
            entry.reset();
        }
        entry.metric = {};
    }
}

LIT_INLINE List ResultCollection::state(const RankReducer& ranks) {
    List all;
    for (Entry& entry : entries_) {
        if (!entry.has_reset) {
            all.push_back(entry.state(ranks));
        }
    }
    return all;
}

LIT_INLINE void ResultCollection::load_state(const List& all, at::Device device) {
    for (const Value& state : all) {
        const std::string& hook = state.at("hook").string();
        const auto* row = std::ranges::find(hook_table, std::string_view(hook), &HookInfo::name);
        if (hook.empty() || row == std::end(hook_table)) {
            throw CheckpointError("metrics: the file holds a value logged in \"" + hook +
                                  "\", which is no hook that this version of lit knows.");
        }
        find_or_make(static_cast<Hook>(row - std::begin(hook_table)), MetricNames::intern(state.at("name").string()),
                     detail::ResultEntry::options_in(state))
            .load(state, device);
    }
}

LIT_INLINE detail::ResultEntry& ResultCollection::renewed(Hook hook, MetricId name, const ResolvedLog& options) {
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

LIT_INLINE void ResultCollection::refuse_second(Hook hook, MetricId name) {
    throw Error("log: \"" + MetricNames::name(name) + "\" was logged twice in " + std::string(info(hook).name) +
                " with different arguments. Use the same arguments, or another name.");
}

LIT_INLINE detail::ResultEntry& ResultCollection::find_or_make(Hook hook, MetricId name, const ResolvedLog& options) {
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

}  // namespace lit
