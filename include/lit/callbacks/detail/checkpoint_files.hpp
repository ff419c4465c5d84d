// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/checkpoint_name.hpp>
#include <lit/callbacks/detail/checkpoint_folder.hpp>
#include <lit/callbacks/model_checkpoint_options.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/loggers/logger.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

/// A logged value, or the counters `epoch` and `step`, unless somebody logs under these names.
[[nodiscard]] std::optional<double> checkpoint_value(auto& trainer, std::string_view name, MetricId id) {
    if (const auto logged = trainer.find_metric(id)) {
        return *logged;
    }
    if (name == "epoch") {
        return static_cast<double>(trainer.current_epoch());
    }
    return name == "step" ? std::optional(static_cast<double>(trainer.global_step())) : std::nullopt;
}

/// The files of a ModelCheckpoint: their folder and names, writing and removing them, and `last.ckpt`.
///
/// All ranks call everything; rank 0 touches the disk, and what it finds there decides for all.
class CheckpointFiles {
 public:
    explicit CheckpointFiles(const ModelCheckpointOptions& options);
    CheckpointFiles(const CheckpointFiles&);
    CheckpointFiles(CheckpointFiles&&) noexcept;
    CheckpointFiles& operator=(const CheckpointFiles&);
    CheckpointFiles& operator=(CheckpointFiles&&) noexcept;
    ~CheckpointFiles();

    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    [[nodiscard]] const std::string& last_path() const { return last_path_; }
    void set_last_path(std::string path) { last_path_ = std::move(path); }
    /// The file that was written last; empty before.
    [[nodiscard]] const std::string& last_saved() const { return last_saved_; }
    [[nodiscard]] bool saved_at(std::int64_t step) const { return step_saved_ == step; }
    [[nodiscard]] std::int64_t step_saved() const { return step_saved_; }
    void set_last_saved(std::string path, std::int64_t step) {
        last_saved_ = std::move(path);
        step_saved_ = step;
    }

    void choose_folder(auto& trainer) {
        if (folder_.empty()) {
            folder_ = trainer.collective().broadcast(default_checkpoint_folder(trainer).string(), 0);
        }
    }
    /// The name with the values of this moment.
    [[nodiscard]] std::string plain_path(auto& trainer) const { return file(stem(trainer)); }
    /// The same, with `-v1`, `-v2`, ... as long as another file is there than `own`.
    [[nodiscard]] std::string free_path(auto& trainer, const std::string& own) const {
        return free_path(trainer, stem(trainer), own);
    }
    /// The loggers hear of the file from `owner`, whose files these are; a link is no file.
    void save(auto& trainer, const std::string& path, const auto& owner) {
        const std::string last_before = std::exchange(last_saved_, path);  // before saving: the file holds its own name
        const std::int64_t step_before = std::exchange(step_saved_, trainer.global_step());
        try {
            trainer.save_checkpoint(path, weights_only_);
        } catch (...) {
            set_last_saved(last_before, step_before);
            throw;
        }
        if (trainer.is_global_zero() && !trainer.fast_dev_run()) {
            trainer.for_each_logger([&owner](auto& logger) { tell_of_checkpoint(logger, owner); });
        }
    }
    void save_last(auto& trainer, const auto& owner) {
        if (!last_.wanted()) {
            return;
        }
        const std::string path = free_path(trainer, "last", last_path_);
        const std::string previous =
            std::exchange(last_path_, path);  // before saving: the file holds its own name
        if (links_ && !last_saved_.empty()) {
            if (trainer.is_global_zero()) {
                trainer.link_checkpoint(last_saved_, path);
            }
            trainer.collective().barrier();
        } else {
            save(trainer, path, owner);
        }
        replace(previous, path);
    }
    /// Notes a file that `current` replaces: it goes when everything that may still point to it is written.
    void replace(const std::string& previous, const std::string& current);
    /// Of a save that did not come to its end.
    void keep_replaced() { replaced_.clear(); }
    /// At the end of a save, whatever it consisted of.
    void remove_replaced(auto& trainer) {
        for (const auto& [previous, current] : take_replaced()) {
            if (!trainer.is_global_zero() || !may_remove(previous, current, trainer.ckpt_path(), folder_)) {
                continue;
            }
            try {
                trainer.remove_checkpoint(previous);
            } catch (const FileError& error) {
                trainer.warn("ModelCheckpoint: " + std::string(error.what()));
            }
        }
    }

 private:
    using Replaced = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] Replaced take_replaced();
    [[nodiscard]] std::string file(const std::string& stem) const;
    [[nodiscard]] std::string stem(auto& trainer) const {
        return name_([&trainer](std::string_view name, MetricId id) {
            const std::optional<double> value = checkpoint_value(trainer, name, id);
            const bool whole = !value || name == "epoch" || name == "step";
            // A logged value is a 32-bit float in Python, and is printed with the digits of one.
            const double shown = whole ? static_cast<double>(static_cast<std::int64_t>(value.value_or(0.0)))
                                       : static_cast<double>(static_cast<float>(*value));
            return CheckpointName::Shown{shown, whole};
        });
    }
    [[nodiscard]] std::string free_path(auto& trainer, const std::string& stem,
                                        const std::string& own) const {
        std::string path = file(stem);
        if (counts_versions_) {
            for (std::int64_t version = 1; exists(trainer, path) && path != own; ++version) {
                path = file(stem + "-v" + std::to_string(version));
            }
        }
        return path;
    }
    [[nodiscard]] static bool exists(auto& trainer, const std::string& path) {
        return trainer.reduce_decision(trainer.is_global_zero() && trainer.checkpoint_exists(path), false);
    }

    CheckpointName name_;
    std::filesystem::path folder_;
    bool weights_only_;
    bool counts_versions_;
    SaveLast last_;
    bool links_;
    std::string last_path_;
    std::string last_saved_;
    Replaced replaced_;
    std::int64_t step_saved_ = 0;  // nothing to save before the first step
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/checkpoint_files.hpp>
#endif
