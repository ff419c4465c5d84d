// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/reflection.hpp>
#include <lit/core/resume_point.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/core/run_state.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/core/version.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loops/open_window.hpp>
#include <lit/loops/rank_states.hpp>
#include <lit/optim/optimizer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// lit's own entry beside Lightning's.
inline constexpr std::string_view lit_key = "lit";

/// What Lightning does not store and a continuation to the bit needs: each rank's place in the epoch, and whose loggers'
/// run it is.
template <class Run>
class LitEntry {
 public:
    explicit LitEntry(Run& run) : run_(run) {}

    /// Every rank calls.
    [[nodiscard]] Dict dump() {
        // A resumed run that broke off before it could go on hands the place on that it came from.
        const ResumePoint& pending = run_.state().resume_point;
        ResumePoint place = pending.empty() ? where_it_is() : pending;
        List optimizers;
        run_.for_each_optimizer([&](auto, auto& optimizer) { optimizers.emplace_back(optimizer_name(optimizer)); });
        const ValidationBegin& validation = run_.state().validation_began;
        List runs = validation.rng.defined() ? validation.loggers : loggers();
        if (!runs.empty()) {  // what the file says of them is to be there
            run_.for_each_logger([](auto& logger) { flush_logs(logger); });
        }
        return {{"version", version},
                {"world_size", run_.world_size()},
                {"optimizers", std::move(optimizers)},
                {"loggers", std::move(runs)},
                {"gradients", std::move(place.gradients)},
                {"ranks", gather_from_ranks(run_.collective(), place.state_dict())}};
    }

    /// Which run each logger writes, and how far it has come; on rank 0.
    [[nodiscard]] List loggers() {
        List all;
        if (run_.is_global_zero() && !run_.fast_dev_run()) {
            run_.for_each_logger([&all](auto& logger) {
                using Logger = std::remove_cvref_t<decltype(logger)>;
                if constexpr (ContinuesRun<Logger>) {
                    all.push_back(Dict{{"class", reflection::class_name<Logger>}, {"run", logger.run_identity()}});
                }
            });
        }
        return all;
    }

    /// Has the loggers, which have not started, go on with the run that wrote the file; on rank 0.
    void restore_loggers(const Dict& entry) {
        const Value* saved = entry.find("loggers");
        if (saved == nullptr) {
            return;
        }
        List rest = saved->items();
        run_.for_each_logger([&](auto& logger) {
            using Logger = std::remove_cvref_t<decltype(logger)>;
            if constexpr (ContinuesRun<Logger>) {
                for (auto each = rest.begin(); each != rest.end(); ++each) {
                    if (each->at("class").equals(reflection::class_name<Logger>)) {
                        logger.resume_run(each->at("run").dict());
                        rest.erase(each);
                        return;
                    }
                }
            }
        });
    }

    /// After everything else: the generators, what monitors look at, and the place in the epoch, for the loop to take up.
    void restore_place(const Dict& entry) {
        tell_of_version(entry);
        const Value* saved = entry.find("ranks");
        if (saved == nullptr || saved->items().empty()) {
            return;
        }
        const List& ranks = saved->items();
        const auto rank = static_cast<std::size_t>(run_.global_rank());
        ResumePoint& point = run_.state().resume_point;
        point.load_state_dict(ranks[rank < ranks.size() ? rank : 0].dict());
        if (const Dict* gradients = part(&entry, "gradients")) {
            point.gradients = *gradients;
        }
        if (static_cast<std::int64_t>(ranks.size()) != run_.world_size()) {
            change_world_size(point, static_cast<std::int64_t>(ranks.size()), rank < ranks.size());
        }
        point.rng.restore(run_.device());
        for (const auto& [name, value] : point.callback_metrics) {
            run_.set_callback_metric(MetricNames::intern(name.string()), value.to_double());
        }
    }

    /// The names of the optimizers that wrote the file; empty where it does not say.
    [[nodiscard]] static std::string optimizer_at(const Dict* entry, std::size_t index) {
        const Value* names = entry == nullptr ? nullptr : entry->find("optimizers");
        return names == nullptr || index >= names->items().size() ? std::string() : names->items()[index].string();
    }

 private:
    [[nodiscard]] ResumePoint where_it_is() {
        RunState& state = run_.state();
        ResumePoint point{.rng = RngStates::now(run_.device())};
        for (const auto& [id, number] : run_.callback_metrics().items()) {
            point.callback_metrics.append(MetricNames::name(id), number.value());
        }
        if (run_.stage() != Stage::fit) {
            return point;
        }
        point.metrics = state.train_results.state(state.ranks);
        point.gradients = gradients_of_open_window(run_);
        if (!state.progress.batch.last_is_done()) {  // else the next epoch takes no order up
            point.train_loader = state.train_loader.state_dict();
        }
        point.in_validation = state.validation_began.rng.defined();
        if (point.in_validation) {
            point.rng = state.validation_began.rng;
        }
        for (const std::int64_t rows : point.in_validation ? state.validation_began.rows : state.validation_rows) {
            point.validation_rows.emplace_back(rows);
        }
        point.batch_finished = state.batch_finished;
        return point;
    }

    void tell_of_version(const Dict& entry) {
        const Value* theirs = entry.find("version");
        if (theirs == nullptr || theirs->equals(version)) {
            return;
        }
        std::string unknown;
        static constexpr std::array<std::string_view, 6> known{"version", "world_size", "optimizers",
                                                               "loggers", "gradients",  "ranks"};
        for (const auto& item : entry) {
            const Value& key = item.first;
            if (key.is<std::string>() && std::ranges::find(known, std::string_view(key.string())) == known.end()) {
                unknown += (unknown.empty() ? "" : ", ") + key.string();
            }
        }
        std::string missing;
        for (const std::string_view key : known) {
            if (!entry.contains(key)) {
                missing += (missing.empty() ? "" : ", ") + std::string(key);
            }
        }
        run_.warn("\"" + run_.ckpt_path().string() + "\" was written by lit " +
                  (theirs->is<std::string>() ? theirs->string() : std::string("of an unknown version")) + ", this is lit " +
                  std::string(version) + "." + (unknown.empty() ? "" : " Not known here, and left alone: " + unknown + ".") +
                  (missing.empty() ? "" : " Not in the file, and begun anew: " + missing + "."));
    }

    /// A place in the epoch is a number of batches that every rank has had: `processes` times as many batches of data.
    void change_world_size(ResumePoint& point, std::int64_t processes, bool has_own) {
        FitProgress& progress = run_.state().progress;
        const std::int64_t here = run_.world_size();
        std::string told = "\"" + run_.ckpt_path().string() + "\" was written by " + std::to_string(processes) +
                           " processes, and this run has " + std::to_string(here) +
                           ". Weights, optimizers, schedulers, callbacks and the count of steps are taken over; to the bit it "
                           "is another run.";
        told += processes < here ? "\n  generators: processes " + std::to_string(processes) + " and up keep their own"
                                 : "\n  generators: those of processes " + std::to_string(here) + " and up are left out";
        if (!has_own) {
            point.rng = {};
        }
        if (progress.epoch.current.started > progress.epoch.current.processed) {
            Tracker& batches = progress.batch.current;
            const std::int64_t before = batches.processed;
            const std::int64_t now = before * processes / here;
            batches = {.ready = now, .started = now, .processed = now, .completed = now};
            told += "\n  place in the epoch: after batch " + std::to_string(before) + " of " + std::to_string(processes) +
                    " processes, which is batch " + std::to_string(now) + " here" +
                    (before * processes % here == 0
                         ? ""
                         : " (rounded down: " + std::to_string(before * processes % here) + " batches come again)");
            if (!point.metrics.empty()) {
                told += "\n  logged values of the epoch under way: begin anew";
                point.metrics.clear();
            }
        }
        run_.warn(told + ".");
    }

    Run& run_;
};

}  // namespace lit::detail
