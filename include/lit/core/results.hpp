// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_ref.hpp>
#include <lit/core/number.hpp>
#include <lit/core/result_entry.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <vector>

namespace lit {

/// What one loop has logged: one entry per (hook, name, loader). Lightning's `_ResultCollection`.
///
/// Cost    an entry is found by two indices. A value on the CPU is added as a double; one on another device is
///         added there. Strings and memory are touched when an entry is made, not when it is used.
class ResultCollection {
 public:
    /// `training` decides what reaches `callback_metrics`: step values do while training, and never in evaluation.
    explicit ResultCollection(bool training);
    ResultCollection(const ResultCollection&);
    ResultCollection(ResultCollection&&) noexcept;
    ResultCollection& operator=(const ResultCollection&);
    ResultCollection& operator=(ResultCollection&&) noexcept;
    ~ResultCollection();

    /// The loader whose batches are being evaluated; -1 when there is only one, or none.
    void set_dataloader(std::int64_t index) { dataloader_idx_ = index; }

    /// Errors  lit::Error when the same name was logged in the same hook with other arguments.
    void log(Hook hook, MetricId name, const Number& value, const ResolvedLog& options, double batch_size,
             const RankReducer& ranks);

    /// Remembers a metric object, which is asked at the epoch's end; `batch_value` is its value for this batch alone,
    /// undefined where it has none: then there is nothing to publish for the step.
    ///
    /// Errors  as above, also when another object was logged under that name.
    void log_metric(Hook hook, MetricId name, const MetricRef& metric, const at::Tensor& batch_value,
                    const ResolvedLog& options);

    /// Forgets the values of one hook, so that a new epoch starts anew. Metric objects go on: they are reset once the
    /// epoch's values have been read.
    void reset(Hook hook);
    void reset();

    /// Lets go of the metric objects, which may not outlive the run; one that an exception left in the middle of an
    /// epoch is reset first.
    void release_metrics();

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
    [[nodiscard]] List state(const RankReducer& ranks);
    /// Takes up what `state()` gave. A metric object is not known before it is logged again: what it had gathered is added
    /// to it then, and its value at that time is the epoch's if it is not. Sums of what was logged on a device go to `device`.
    ///
    /// Errors  CheckpointError for a hook that is unknown, or for numbers that are none.
    void load_state(const List& all, at::Device device);

 private:
    using Entry = detail::ResultEntry;

    Entry& renewed(Hook hook, MetricId name, const ResolvedLog& options);
    [[noreturn]] static void refuse_second(Hook hook, MetricId name);

    Entry& find_or_make(Hook hook, MetricId name, const ResolvedLog& options);

    bool training_;
    std::int64_t dataloader_idx_ = -1;
    std::vector<Entry> entries_;
    std::array<std::vector<std::vector<std::uint32_t>>, hook_count> index_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/results.hpp>
#endif
