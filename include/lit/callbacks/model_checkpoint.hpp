// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/best_models.hpp>
#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/checkpoint_name.hpp>
#include <lit/callbacks/detail/checkpoint_folder.hpp>
#include <lit/callbacks/detail/monitor.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/callbacks/model_checkpoint_options.hpp>
#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// Saves checkpoints: the newest, all, or the k best by a logged value; `last.ckpt` beside them if wanted.
///
/// `ModelCheckpoint<>{}` keeps the newest of every epoch; `ModelCheckpoint<"val_acc">{{.mode = Mode::maximize,
/// .save_top_k = 3}}` the three best; `ModelCheckpoint<>{{.monitor = name}}` takes a name known only at run time.
/// Saves at the end of an epoch or of a validation, every so many steps, or by the clock; a step or clock that comes
/// while the monitor is not there yet, or about to be renewed, waits for the validation. A file that is already there
/// is not replaced but `-v1` appended; one that is no longer among the best is deleted unless the run started from it
/// or it lies outside of `dirpath`. Nothing is saved in fast_dev_run, in the sanity check, or twice at one step.
/// Errors  a `Monitor` that the module's `Logs` lacks does not compile; ConfigError on construction for settings that
///         exclude each other, and for a monitor that is missing after a validation; FileError with the path when a
///         file cannot be written: what stood there before stays.
/// Cost    a step on which nothing is due costs a comparison; a save reads the values that its name shows, and waits
///         until the file is on the disk.
/// Source  Lightning `ModelCheckpoint`, same files, names and state; `save_last` writes at the end even of a
///         fast_dev_run, as there.
template <FixedString Monitor = "">
class ModelCheckpoint {
 public:
    using Role = role::checkpoint;
    static constexpr auto monitor_name = Monitor;

    explicit ModelCheckpoint(ModelCheckpointOptions options = {})
        : options_(std::move(options)),
          monitor_("ModelCheckpoint", options_.monitor),
          name_(options_.filename, options_.auto_insert_metric_name),
          best_(options_.mode, options_.save_top_k) {
        options_.check(!monitor_.empty());
        if (!options_.dirpath.empty()) {
            dirpath_ = detail::real_folder(options_.dirpath);
        }
        const bool no_trigger =
            !options_.every_n_train_steps && !options_.every_n_epochs && !options_.train_time_interval;
        every_n_epochs_ = options_.every_n_epochs.value_or(no_trigger ? 1 : 0);
        every_n_train_steps_ = options_.every_n_train_steps.value_or(0);
    }

    void setup(auto& trainer, auto& /*module*/, Stage stage) {
        in_sanity_check_ = false;
        if (dirpath_.empty()) {
            const std::filesystem::path found = detail::default_checkpoint_folder(trainer);
            dirpath_ = trainer.collective().broadcast(found.string(), 0);
        }
        if (stage == Stage::fit && trainer.is_global_zero() && options_.save_top_k != 0 &&
            detail::holds_something(dirpath_)) {
            trainer.warn("ModelCheckpoint: the folder " + dirpath_.string() + " is not empty.");
        }
    }
    void on_sanity_check_start(auto& /*trainer*/, auto& /*module*/) { in_sanity_check_ = true; }
    void on_sanity_check_end(auto& /*trainer*/, auto& /*module*/) { in_sanity_check_ = false; }
    void on_train_start(auto& /*trainer*/, auto& /*module*/) { last_time_checked_ = Clock::now(); }

    void on_train_batch_end(auto& trainer, auto& module) {
        constexpr bool automatic = [] {
            using Module = std::remove_cvref_t<decltype(module)>;
            if constexpr (requires { Module::automatic_optimization; }) {
                return static_cast<bool>(Module::automatic_optimization);
            } else {
                return true;
            }
        }();
        const bool step_due = every_n_train_steps_ >= 1 && trainer.global_step() % every_n_train_steps_ == 0;
        if constexpr (!automatic) {
            // As in Lightning: by hand only steps count, and a due validation is not waited for.
            if (!step_due || skips(trainer)) {
                return;
            }
            if (is_missing(trainer)) {
                waits_for_validation_ = true;
                return;
            }
        } else {
            if (!step_due && !time_due(trainer)) {
                return;
            }
            if (before_validation(trainer)) {
                waits_for_validation_ = true;
                return;
            }
            if (skips(trainer)) {
                return;
            }
        }
        save_top_k(trainer);
        save_last(trainer);
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        if (!skips(trainer) && saves_on_train_epoch_end(trainer)) {
            save_for_epoch(trainer);
        }
    }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        validation_has_run_ = validation_has_run_ || !trainer.sanity_checking();
        if (skips(trainer) || saves_on_train_epoch_end(trainer)) {
            return;
        }
        if (waits_for_validation_) {
            save_top_k(trainer);
            save_last(trainer);
            waits_for_validation_ = false;
        } else {
            save_for_epoch(trainer);
        }
    }
    void on_train_end(auto& trainer, auto& /*module*/) {
        // In a fast_dev_run too: Lightning writes this one file even then.
        if (last_saved_.empty()) {
            save_last(trainer);
        }
    }
    void on_exception(auto& trainer, auto& /*module*/, const std::exception& error) {
        if (!options_.save_on_exception || trainer.fast_dev_run() || in_sanity_check_ ||
            last_step_saved_ == trainer.global_step()) {
            return;
        }
        const std::string path = file(name_(values(trainer)));
        save(trainer, path);
        save_last(trainer);
        trainer.print("ModelCheckpoint: saved " + path + " after an exception: " + error.what());
    }

    [[nodiscard]] std::string monitor() const { return monitor_.name(); }
    /// Where the files go; empty before the first run when no `dirpath` was given.
    [[nodiscard]] const std::filesystem::path& dirpath() const { return dirpath_; }
    /// The file with the best score, or the newest one without a monitor; empty before the first save.
    [[nodiscard]] std::filesystem::path best_model_path() const { return best_.best_path(); }
    [[nodiscard]] std::optional<double> best_model_score() const { return best_.best_score(); }
    [[nodiscard]] std::filesystem::path last_model_path() const { return last_path_; }
    /// The score of the checkpoint that was saved last.
    [[nodiscard]] std::optional<double> current_score() const { return best_.current_score(); }
    /// Paths and scores, in the order of saving.
    [[nodiscard]] const std::vector<BestModels::Entry>& best_k_models() const { return best_.entries(); }
    [[nodiscard]] std::filesystem::path kth_best_model_path() const { return best_.worst_path(); }
    /// The newest `last*.ckpt` in the folder; empty when there is none.
    [[nodiscard]] std::filesystem::path find_last(auto& trainer) const {
        return detail::newest_last(dirpath_.empty() ? detail::default_checkpoint_folder(trainer) : dirpath_);
    }

    [[nodiscard]] std::string state_key() const {
        return "ModelCheckpoint{'monitor': " +
               (monitor_.empty() ? "None" : detail::python_repr(monitor_.name())) +
               ", 'mode': " + detail::python_repr(python_name(options_.mode)) +
               ", 'every_n_train_steps': " + std::to_string(every_n_train_steps_) +
               ", 'every_n_epochs': " + std::to_string(every_n_epochs_) + ", 'train_time_interval': " +
               (options_.train_time_interval ? detail::python_repr(*options_.train_time_interval) : "None") +
               "}";
    }
    [[nodiscard]] Dict state_dict() const {
        Dict state{{"monitor", monitor_.empty() ? Value() : Value(monitor_.name())}};
        best_.store(state, dirpath_.string());
        state.set("last_model_path", last_path_);
        return state;
    }
    void load_state_dict(const Dict& state) {
        const Value* folder = state.find("dirpath");
        const bool same = folder == nullptr || folder->equals(dirpath_.string());
        best_.load(state, same);
        if (const Value* last = state.find("last_model_path"); same && last != nullptr) {
            last_path_ = last->string();
        }
        if (!same) {
            std::fprintf(
                stderr,
                "lit: warning: ModelCheckpoint: the folder was %s and is now %s, so only best_model_path is "
                "taken over from the checkpoint.\n",
                folder->is<std::string>() ? folder->string().c_str() : "None", dirpath_.c_str());
        }
    }

 private:
    using Clock = std::chrono::steady_clock;

    // --- when ---

    [[nodiscard]] bool skips(auto& trainer) const {
        return trainer.fast_dev_run() || trainer.stage() != Stage::fit || trainer.sanity_checking() ||
               last_step_saved_ == trainer.global_step();
    }
    [[nodiscard]] bool time_due(auto& trainer) {
        if (!options_.train_time_interval) {
            return false;
        }
        const Clock::time_point now = Clock::now();
        // Clocks differ: rank 0 decides.
        const bool mine =
            trainer.is_global_zero() && now - last_time_checked_ >= *options_.train_time_interval;
        const bool due = trainer.reduce_decision(mine, false);
        if (due) {
            last_time_checked_ = now;
        }
        return due;
    }
    [[nodiscard]] bool saves_on_train_epoch_end(auto& trainer) const {
        if (options_.save_on_train_epoch_end) {
            return *options_.save_on_train_epoch_end;
        }
        const auto& options = trainer.options();
        if ((options.val_check_interval && options.val_check_interval->time()) ||
            options.check_val_every_n_epoch != 1) {
            return false;
        }
        return !validates(trainer) || detail::validates_once_per_epoch(options);
    }
    [[nodiscard]] static bool validates(auto& trainer) {
        return std::ranges::any_of(trainer.num_val_batches(),
                                   [](std::int64_t batches) { return batches != 0; });
    }
    /// Whether the monitor is not there yet, or a validation that renews it follows on this batch.
    [[nodiscard]] bool before_validation(auto& trainer) {
        if (monitor_.empty()) {
            return false;
        }
        if (is_missing(trainer)) {
            return true;
        }
        const auto every = trainer.options().check_val_every_n_epoch;
        return !saves_on_train_epoch_end(trainer) && trainer.progress().batch.is_last_batch &&
               validates(trainer) && (!every || (trainer.current_epoch() + 1) % *every == 0);
    }
    [[nodiscard]] bool is_missing(auto& trainer) const {
        return !monitor_.empty() && !find(trainer, monitor_.name(), monitor_.id());
    }

    // --- what ---

    void save_for_epoch(auto& trainer) {
        if (every_n_epochs_ >= 1 && (trainer.current_epoch() + 1) % every_n_epochs_ == 0) {
            save_top_k(trainer);
        }
        if (last_step_saved_ == trainer.global_step() ||
            (options_.save_last.is_link() && !last_saved_.empty())) {
            save_last(trainer);
        }
    }
    void save_top_k(auto& trainer) {
        if (options_.save_top_k == 0) {
            return;
        }
        if (monitor_.empty()) {
            const std::string previous = best_.best_path();
            const std::string path = free_path(trainer, name_(values(trainer)), previous);
            best_.set_best_path(path);  // before saving: the file holds its own name
            save(trainer, path);
            if (options_.save_top_k == 1) {
                remove(trainer, previous, path);
            }
            return;
        }
        const std::optional<double> current = find(trainer, monitor_.name(), monitor_.id());
        if (!current) {
            report_missing(trainer);
            return;
        }
        const auto score = static_cast<float>(*current);
        if (best_.has_room() || trainer.reduce_decision(best_.beats_worst(score))) {
            save_scored(trainer, score);
        } else if (options_.verbose) {
            trainer.print(where(trainer) + " was not in top " + std::to_string(options_.save_top_k));
        }
    }
    void save_scored(auto& trainer, float score) {
        const std::string struck_out = best_.make_room();
        const std::string path = free_path(trainer, name_(values(trainer)), struck_out);
        best_.add(path, score);
        if (options_.verbose) {
            const detail::FormatSpec five{.type = 'f', .precision = 5};
            trainer.print(where(trainer) + " reached " + five(*best_.current_score(), false) + " (best " +
                          five(*best_.best_score(), false) + "), saving model to '" + path + "'");
        }
        save(trainer, path);
        remove(trainer, struck_out, path);
    }
    void save_last(auto& trainer) {
        if (!options_.save_last.wanted()) {
            return;
        }
        const std::string path = free_path(trainer, "last", last_path_);
        const std::string previous = std::exchange(last_path_, path);
        if (options_.save_last.is_link() && !last_saved_.empty() && options_.save_top_k != 0) {
            if (trainer.is_global_zero()) {
                detail::link_file(last_saved_, path);
            }
            trainer.collective().barrier();
        } else {
            save(trainer, path);
        }
        remove(trainer, previous, path);
    }
    void save(auto& trainer, const std::string& path) {
        trainer.save_checkpoint(path, options_.save_weights_only);
        last_step_saved_ = trainer.global_step();
        last_saved_ = path;
    }
    void remove(auto& trainer, const std::string& previous, const std::string& current) const {
        if (previous.empty() || !trainer.is_global_zero() ||
            !detail::may_remove(previous, current, trainer.ckpt_path(), dirpath_)) {
            return;
        }
        std::error_code reason;
        std::filesystem::remove_all(previous, reason);
        if (reason) {
            trainer.warn("ModelCheckpoint: " + previous + " could not be deleted: " + reason.message() + ".");
        }
    }
    void report_missing(auto& trainer) {
        const std::string problem = "ModelCheckpoint: no logged value \"" + monitor_.name() +
                                    "\". Known: " + trainer.callback_metrics().names() +
                                    ", epoch, step. Log it with log(\"" + monitor_.name() +
                                    "\", ...), or correct the monitor.";
        if (validation_has_run_) {
            throw ConfigError(problem);
        }
        if (!std::exchange(told_of_missing_, true)) {
            trainer.warn(problem);
        }
    }
    [[nodiscard]] std::string where(auto& trainer) const {
        return "Epoch " + std::to_string(trainer.current_epoch()) + ", global step " +
               std::to_string(trainer.global_step()) + ": '" + monitor_.name() + "'";
    }

    // --- names and values ---

    /// A logged value, or the counters `epoch` and `step`, unless somebody logs under these names.
    [[nodiscard]] static std::optional<double> find(auto& trainer, std::string_view name, MetricId id) {
        if (const auto logged = trainer.find_metric(id)) {
            return *logged;
        }
        if (name == "epoch") {
            return static_cast<double>(trainer.current_epoch());
        }
        return name == "step" ? std::optional(static_cast<double>(trainer.global_step())) : std::nullopt;
    }
    [[nodiscard]] static auto values(auto& trainer) {
        return [&trainer](std::string_view name, MetricId id) {
            const std::optional<double> value = find(trainer, name, id);
            const bool whole = !value || name == "epoch" || name == "step";
            // A logged value is a 32-bit float in Python, and is printed with the digits of one.
            const double shown = whole ? static_cast<double>(static_cast<std::int64_t>(value.value_or(0.0)))
                                       : static_cast<double>(static_cast<float>(*value));
            return CheckpointName::Shown{shown, whole};
        };
    }
    [[nodiscard]] std::string file(const std::string& stem) const {
        return (dirpath_ / (stem + ".ckpt")).string();
    }
    /// The file's path, with `-v1`, `-v2`, ... as long as another file is there than `own`.
    [[nodiscard]] std::string free_path(auto& trainer, const std::string& stem,
                                        const std::string& own) const {
        std::string path = file(stem);
        if (options_.enable_version_counter) {
            for (std::int64_t version = 1; exists(trainer, path) && path != own; ++version) {
                path = file(stem + "-v" + std::to_string(version));
            }
        }
        return path;
    }
    [[nodiscard]] static bool exists(auto& trainer, const std::string& path) {
        return trainer.reduce_decision(trainer.is_global_zero() && std::filesystem::exists(path), false);
    }

    ModelCheckpointOptions options_;
    [[no_unique_address]] detail::MonitorName<Monitor> monitor_;
    CheckpointName name_;
    BestModels best_;
    std::filesystem::path dirpath_;
    std::string last_path_;
    std::string last_saved_;
    std::int64_t every_n_train_steps_ = 0;
    std::int64_t every_n_epochs_ = 0;
    std::int64_t last_step_saved_ = 0;  // nothing to save before the first step
    Clock::time_point last_time_checked_;
    bool waits_for_validation_ = false;
    bool validation_has_run_ = false;
    bool in_sanity_check_ = false;
    bool told_of_missing_ = false;
};

static_assert(CallbackPolicy<ModelCheckpoint<>> && StatefulCallback<ModelCheckpoint<>>);

}  // namespace lit
