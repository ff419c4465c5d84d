// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/schema.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lit {

namespace detail {

enum class TrackerFields : std::uint8_t { ready_completed, started, processed };

inline Dict tracker_state(const Tracker& tracker, TrackerFields fields) {
    Dict state{{"ready", tracker.ready}, {"completed", tracker.completed}};
    if (fields != TrackerFields::ready_completed) {
        state.set("started", tracker.started);
    }
    if (fields == TrackerFields::processed) {
        state.set("processed", tracker.processed);
    }
    return state;
}

inline Dict progress_state(const Progress& progress, TrackerFields fields) {
    return {{"total", tracker_state(progress.total, fields)},
            {"current", tracker_state(progress.current, fields)}};
}

inline Dict batch_progress_state(const BatchProgress& progress) {
    Dict state = progress_state(progress, TrackerFields::processed);
    state.set("is_last_batch", progress.is_last_batch);
    return state;
}

LIT_INLINE const Dict* part(const Dict* from, std::string_view key) {
    const Value* found = from == nullptr ? nullptr : from->find(key);
    return found == nullptr ? nullptr : found->get_if<Dict>();
}

inline std::int64_t count(const Dict& from, std::string_view key) {
    const Value* found = from.find(key);
    if (found == nullptr) {
        return 0;
    }
    const std::int64_t number = found->to_int();
    if (number < 0) {
        throw CheckpointError("loops: the counter " + std::string(key) + " is " + std::to_string(number) +
                              ", a count was expected. The file is damaged.");
    }
    return number;
}

inline void read_progress(const Dict* from, Progress& into) {
    for (const auto& [key, tracker] : {std::pair<std::string_view, Tracker*>{"total", &into.total},
                                       std::pair<std::string_view, Tracker*>{"current", &into.current}}) {
        if (const Dict* counts = part(from, key)) {
            *tracker = {.ready = count(*counts, "ready"),
                        .started = count(*counts, "started"),
                        .processed = count(*counts, "processed"),
                        .completed = count(*counts, "completed")};
        }
    }
}

inline void read_batch_progress(const Dict* from, BatchProgress& into) {
    read_progress(from, into);
    if (const Value* last = from == nullptr ? nullptr : from->find("is_last_batch")) {
        into.is_last_batch = last->to_bool();
    }
}

}  // namespace detail

LIT_INLINE Dict loops_state(const FitProgress& progress, Dict loader_state) {
    using detail::TrackerFields;
    const Dict empty;
    const Dict optimizer{
        {"step", detail::progress_state(progress.optimizer_step, TrackerFields::ready_completed)},
        {"zero_grad", detail::progress_state(progress.optimizer_zero_grad, TrackerFields::started)}};
    const Dict fit_loop{
        {"state_dict", std::move(loader_state)},
        {"epoch_loop.state_dict", Dict{{"_batches_that_stepped", progress.batches_that_stepped}}},
        {"epoch_loop.batch_progress", detail::batch_progress_state(progress.batch)},
        {"epoch_loop.scheduler_progress",
         detail::progress_state(progress.scheduler, TrackerFields::ready_completed)},
        {"epoch_loop.automatic_optimization.state_dict", empty},
        {"epoch_loop.automatic_optimization.optim_progress", Dict{{"optimizer", optimizer}}},
        {"epoch_loop.manual_optimization.state_dict", empty},
        {"epoch_loop.manual_optimization.optim_step_progress",
         detail::progress_state(progress.manual_step, TrackerFields::ready_completed)},
        {"epoch_loop.val_loop.state_dict", empty},
        {"epoch_loop.val_loop.batch_progress", detail::batch_progress_state(progress.validation_batch)},
        {"epoch_progress", detail::progress_state(progress.epoch, TrackerFields::processed)},
    };
    const Dict evaluation{{"state_dict", empty}, {"batch_progress", detail::batch_progress_state({})}};
    const Dict prediction{{"state_dict", empty},
                          {"batch_progress", detail::progress_state({}, TrackerFields::processed)}};
    return {{"fit_loop", fit_loop},
            {"validate_loop", evaluation},
            {"test_loop", evaluation},
            {"predict_loop", prediction}};
}

LIT_INLINE FitProgress read_loops(const Dict& loops) {
    const Dict* fit = detail::part(&loops, "fit_loop");
    FitProgress progress;
    detail::read_progress(detail::part(fit, "epoch_progress"), progress.epoch);
    detail::read_batch_progress(detail::part(fit, "epoch_loop.batch_progress"), progress.batch);
    detail::read_progress(detail::part(fit, "epoch_loop.scheduler_progress"), progress.scheduler);
    const Dict* optimizer =
        detail::part(detail::part(fit, "epoch_loop.automatic_optimization.optim_progress"), "optimizer");
    detail::read_progress(detail::part(optimizer, "step"), progress.optimizer_step);
    detail::read_progress(detail::part(optimizer, "zero_grad"), progress.optimizer_zero_grad);
    detail::read_progress(detail::part(fit, "epoch_loop.manual_optimization.optim_step_progress"),
                          progress.manual_step);
    detail::read_batch_progress(detail::part(fit, "epoch_loop.val_loop.batch_progress"),
                                progress.validation_batch);
    if (const Dict* state = detail::part(fit, "epoch_loop.state_dict")) {
        progress.batches_that_stepped = detail::count(*state, "_batches_that_stepped");
    }
    return progress;
}

}  // namespace lit
