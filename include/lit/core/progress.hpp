// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace lit {

/// How far something got: `ready` when it was announced, `started` after its start hooks, `processed` when its
/// work was done, `completed` after its end hooks. A file that is saved in a hook shows where it was saved.
///
/// Source  Lightning `_ProcessedTracker`.
struct Tracker {
    std::int64_t ready = 0;
    std::int64_t started = 0;
    std::int64_t processed = 0;
    std::int64_t completed = 0;

    bool operator==(const Tracker&) const = default;
};

/// One tracker over the whole run and one over the current stretch (epoch, or evaluation run).
struct Progress {
    Tracker total;
    Tracker current;

    void increment_ready(std::int64_t n = 1) { total.ready += n, current.ready += n; }
    void increment_started(std::int64_t n = 1) { total.started += n, current.started += n; }
    void increment_processed(std::int64_t n = 1) { total.processed += n, current.processed += n; }
    void increment_completed(std::int64_t n = 1) { total.completed += n, current.completed += n; }
    void reset_current() { current = {}; }
    /// What was announced and not done is forgotten: it will be announced again.
    void drop_unprocessed() {
        total.ready -= current.ready - current.processed;
        total.started -= current.started - current.processed;
        current.ready = current.started = current.processed;
    }
    /// What was done is over, its end hooks or not.
    void complete_processed() {
        total.completed += current.processed - current.completed;
        current.completed = current.processed;
    }

    bool operator==(const Progress&) const = default;
};

struct BatchProgress : Progress {
    bool is_last_batch = false;

    /// Whether the last batch of the epoch was reached, and is not yet to be done again.
    [[nodiscard]] bool last_is_done() const { return is_last_batch && current.ready == current.processed; }
    void reset_on_run() {
        reset_current();
        is_last_batch = false;
    }
};

/// Every counter of a fit, under Lightning's names.
///
/// Units   `epoch` counts epochs, `batch` micro-batches, `optimizer_step` updates of the automatic optimizer,
///         `manual_step` calls of `step()` on any optimizer of a module that optimizes by hand, `scheduler`
///         steps of any scheduler, `batches_that_stepped` accumulation windows that were closed (the loggers' x).
struct FitProgress {
    Progress epoch;
    BatchProgress batch;
    Progress scheduler;
    Progress optimizer_step;
    Progress optimizer_zero_grad;
    Progress manual_step;
    BatchProgress validation_batch;
    std::int64_t batches_that_stepped = 0;
};

}  // namespace lit
