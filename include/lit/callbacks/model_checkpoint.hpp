// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/best_models.hpp>
#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/checkpoint_files.hpp>
#include <lit/callbacks/detail/checkpoint_folder.hpp>
#include <lit/callbacks/detail/checkpoint_schedule.hpp>
#include <lit/callbacks/detail/monitor.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/callbacks/model_checkpoint_options.hpp>
#include <lit/checkpoint/abandoned_files.hpp>
#include <lit/checkpoint/atomic_file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/core/yaml.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
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
/// Every logger that has `after_save_checkpoint(checkpoint)` hears of each file, on rank 0.
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
          monitor_(who, options_.monitor),
          schedule_(options_),
          files_(options_),
          best_(options_.mode, options_.save_top_k) {
        options_.check(!monitor_.empty());
    }

    void setup(auto& trainer, auto& /*module*/, Stage stage) {
        in_sanity_check_ = false;
        files_.choose_folder(trainer);
        if (stage == Stage::fit && trainer.is_global_zero()) {
            if (const std::int64_t removed = remove_abandoned_files(dirpath()); removed > 0) {
                trainer.warn("ModelCheckpoint: removed " + std::to_string(removed) +
                             " files from " + dirpath().string() + " that a killed process had left half-written.");
            }
        }
        if (stage == Stage::fit && trainer.is_global_zero() && options_.save_top_k != 0 &&
            detail::holds_something(dirpath()) && !detail::lies_in(trainer.ckpt_path(), dirpath())) {
            trainer.warn("ModelCheckpoint: the folder " + dirpath().string() + " is not empty.");
        }
    }
    void on_sanity_check_start(auto& /*trainer*/, auto& /*module*/) { in_sanity_check_ = true; }
    void on_sanity_check_end(auto& /*trainer*/, auto& /*module*/) { in_sanity_check_ = false; }
    void on_train_start(auto& /*trainer*/, auto& /*module*/) { schedule_.start_clock(); }

    void on_train_batch_end(auto& trainer, auto& module) {
        constexpr bool automatic = [] {
            using Module = std::remove_cvref_t<decltype(module)>;
            if constexpr (requires { Module::automatic_optimization; }) {
                return static_cast<bool>(Module::automatic_optimization);
            } else {
                return true;
            }
        }();
        const bool step_due = schedule_.step_due(trainer);
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
            if (!step_due && !schedule_.time_due(trainer)) {
                return;
            }
            if (is_missing(trainer) || (!monitor_.empty() && schedule_.validation_follows(trainer))) {
                waits_for_validation_ = true;
                return;
            }
            if (skips(trainer)) {
                return;
            }
        }
        save_top_k(trainer);
        files_.save_last(trainer, *this);
        files_.remove_replaced(trainer);
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        if (!skips(trainer) && schedule_.on_train_epoch_end(trainer)) {
            save_for_epoch(trainer);
        }
    }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        // Of this fit, as in Lightning: what trainer.validate() logged before it says nothing of it.
        validation_has_run_ =
            validation_has_run_ || (trainer.stage() == Stage::fit && !trainer.sanity_checking());
        if (skips(trainer) || schedule_.on_train_epoch_end(trainer)) {
            return;
        }
        if (waits_for_validation_) {
            save_top_k(trainer);
            files_.save_last(trainer, *this);
            files_.remove_replaced(trainer);
            waits_for_validation_ = false;
        } else {
            save_for_epoch(trainer);
        }
    }
    void on_train_end(auto& trainer, auto& /*module*/) {
        // In a fast_dev_run too: Lightning writes this one file even then.
        if (files_.last_saved().empty()) {
            files_.save_last(trainer, *this);
            files_.remove_replaced(trainer);
        }
    }
    void on_exception(auto& trainer, auto& /*module*/, const std::exception& error) {
        files_.keep_replaced();
        if (!options_.save_on_exception || trainer.fast_dev_run() || in_sanity_check_ ||
            files_.saved_at(trainer.global_step())) {
            return;
        }
        const std::string path = files_.plain_path(trainer);
        files_.save(trainer, path, *this);
        files_.save_last(trainer, *this);
        files_.remove_replaced(trainer);
        trainer.print("ModelCheckpoint: saved " + path + " after an exception: " + error.what());
    }

    [[nodiscard]] std::string monitor() const { return monitor_.name(); }
    /// Where the files go; empty before the first run when no `dirpath` was given.
    [[nodiscard]] const std::filesystem::path& dirpath() const { return files_.folder(); }
    /// The file with the best score, or the newest one without a monitor; empty before the first save.
    [[nodiscard]] std::filesystem::path best_model_path() const { return best_.best_path(); }
    [[nodiscard]] std::optional<double> best_model_score() const { return best_.best_score(); }
    [[nodiscard]] std::filesystem::path last_model_path() const { return files_.last_path(); }
    /// The file that was written last, best or not; empty before the first save.
    [[nodiscard]] std::filesystem::path last_saved_path() const { return files_.last_saved(); }
    /// The score of the checkpoint that was saved last.
    [[nodiscard]] std::optional<double> current_score() const { return best_.current_score(); }
    /// Paths and scores, in the order of saving.
    [[nodiscard]] const std::vector<BestModels::Entry>& best_k_models() const { return best_.entries(); }
    [[nodiscard]] std::filesystem::path kth_best_model_path() const { return best_.worst_path(); }
    /// The newest `last*.ckpt` in the folder; empty when there is none.
    [[nodiscard]] std::filesystem::path find_last(auto& trainer) const {
        return detail::newest_last(dirpath().empty() ? detail::default_checkpoint_folder(trainer)
                                                     : dirpath());
    }

    /// For `ckpt_path = "last"` in a new process: without a `dirpath`, the newest of all versions that there are.
    [[nodiscard]] std::filesystem::path find_last_of_earlier_runs(auto& trainer) const {
        return dirpath().empty() ? detail::newest_last_of_versions(trainer) : std::filesystem::path();
    }

    /// Writes paths and scores of the best as a table, one a line and sorted by path: into `file`, else into
    /// `best_k_models.yaml` in `dirpath()`. To be called on rank 0 only.
    ///
    /// Errors  ConfigError where neither is known yet; FileError with the path where nothing can be written.
    /// Source  Lightning `ModelCheckpoint.to_yaml`.
    void to_yaml(const std::filesystem::path& file = {}) const {
        if (file.empty() && dirpath().empty()) {
            throw ConfigError("ModelCheckpoint: to_yaml() was called before the first run, which chooses the folder. "
                              "Give a `dirpath`, or the file to write to.");
        }
        const std::string text = lit::to_yaml(best_.table());
        AtomicFile target(file.empty() ? dirpath() / "best_k_models.yaml" : file);
        target.write(text.data(), text.size());
        target.commit();
    }

    [[nodiscard]] std::string state_key() const {
        return detail::monitor_key(who, monitor_.name(), options_.mode) + ", " + schedule_.key() + "}";
    }
    [[nodiscard]] Dict state_dict() const {
        Dict state{{"monitor", monitor_.empty() ? Value() : Value(monitor_.name())}};
        best_.store(state, dirpath().string());
        state.set("last_model_path", files_.last_path());
        state.set(own_key, Dict{{"last_saved", files_.last_saved()},
                                {"step_saved", files_.step_saved()},
                                {"waits_for_validation", waits_for_validation_},
                                {"validation_has_run", validation_has_run_}});
        return state;
    }
    void load_state_dict(const Dict& state) {
        const Value* folder = state.find("dirpath");
        const bool same = folder == nullptr || folder->equals(dirpath().string());
        best_.load(state, same);
        if (const Value* last = state.find("last_model_path"); same && last != nullptr) {
            files_.set_last_path(last->string());
        }
        if (const Value* own = state.find(own_key); same && own != nullptr) {
            files_.set_last_saved(own->at("last_saved").string(), own->at("step_saved").to_int());
            waits_for_validation_ = own->at("waits_for_validation").to_bool();
            validation_has_run_ = own->at("validation_has_run").to_bool();
        }
        if (!same) {
            std::fprintf(
                stderr,
                "lit: warning: ModelCheckpoint: the folder was %s and is now %s, so only best_model_path is "
                "taken over from the checkpoint.\n",
                folder->is<std::string>() ? folder->string().c_str() : "None", dirpath().c_str());
        }
    }

 private:
    static constexpr std::string_view who = "ModelCheckpoint";
    /// lit's own entry beside Lightning's: so that a resumed run saves when the one before would have.
    static constexpr std::string_view own_key = "lit";

    [[nodiscard]] bool skips(auto& trainer) const {
        return trainer.fast_dev_run() || trainer.stage() != Stage::fit || trainer.sanity_checking() ||
               files_.saved_at(trainer.global_step());
    }
    [[nodiscard]] bool is_missing(auto& trainer) const {
        return !monitor_.empty() && !detail::checkpoint_value(trainer, monitor_.name(), monitor_.id());
    }

    void save_for_epoch(auto& trainer) {
        if (schedule_.epoch_due(trainer)) {
            save_top_k(trainer);
        }
        if (files_.saved_at(trainer.global_step()) ||
            (options_.save_last.is_link() && !files_.last_saved().empty())) {
            files_.save_last(trainer, *this);
        }
        files_.remove_replaced(trainer);
    }
    void save_top_k(auto& trainer) {
        if (options_.save_top_k == 0) {
            return;
        }
        if (monitor_.empty()) {
            const std::string previous = best_.best_path();
            const std::string path = files_.free_path(trainer, previous);
            best_.set_best_path(path);  // before saving: the file holds its own name
            files_.save(trainer, path, *this);
            if (options_.save_top_k == 1) {
                files_.replace(previous, path);
            }
            return;
        }
        const std::optional<double> current =
            detail::checkpoint_value(trainer, monitor_.name(), monitor_.id());
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
        const std::string path = files_.free_path(trainer, struck_out);
        best_.add(path, score);
        if (options_.verbose) {
            const detail::FormatSpec five{.type = 'f', .precision = 5};
            trainer.print(where(trainer) + " reached " + five(*best_.current_score(), false) + " (best " +
                          five(*best_.best_score(), false) + "), saving model to '" + path + "'");
        }
        files_.save(trainer, path, *this);
        files_.replace(struck_out, path);
    }
    void report_missing(auto& trainer) {
        const std::string problem =
            detail::missing_monitor(who, monitor_.name(), trainer.callback_metrics().names() + ", epoch, step");
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

    ModelCheckpointOptions options_;
    [[no_unique_address]] detail::MonitorName<Monitor> monitor_;
    detail::CheckpointSchedule schedule_;
    detail::CheckpointFiles files_;
    BestModels best_;
    bool waits_for_validation_ = false;
    bool validation_has_run_ = false;
    bool in_sanity_check_ = false;
    bool told_of_missing_ = false;
};

}  // namespace lit
