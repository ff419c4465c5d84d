// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>

#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace lit {

struct OnExceptionCheckpointOptions {
    std::filesystem::path
        dirpath{};  ///< has to be given: an exception may come before anything else is known
    std::string filename = "on_exception";  ///< without the extension, which is .ckpt
    bool on_interrupt = true;    ///< when Ctrl+C ends the run
    bool on_termination = true;  ///< when SIGTERM ends the run
    bool on_error = true;        ///< when an exception does
};

/// Saves a checkpoint when a run ends by an exception, Ctrl+C and SIGTERM among them, each if wanted; the next `fit` goes
/// on from it.
///
/// The file overwrites the one before it, and is removed when a run of any kind reaches its end. A `fit` without
/// `ckpt_path` behaves as with "last": the newest of this file and of what the other checkpoint components saved last.
/// Being a checkpoint itself, it keeps `default_trainer` from adding a ModelCheckpoint.
/// Errors  ConfigError for an empty filename, an empty folder, and when nothing is wanted. A file that cannot be written is only told: the
///         exception on its way out is the one that counts.
/// Ranks   every rank saves, so an exception on one rank alone waits for the others until they time out.
/// Source  Lightning `OnExceptionCheckpoint`.
class OnExceptionCheckpoint {
 public:
    using Role = role::checkpoint;
    static constexpr bool resumes_by_itself = true;

    explicit OnExceptionCheckpoint(OnExceptionCheckpointOptions options) : options_(std::move(options)) {
        if (options_.filename.empty()) {
            throw ConfigError("OnExceptionCheckpoint: filename is empty. Give a name without the extension.");
        }
        if (!options_.on_interrupt && !options_.on_termination && !options_.on_error) {
            throw ConfigError("OnExceptionCheckpoint: on_interrupt, on_termination and on_error are all false, so nothing is "
                              "ever saved. Set one, or leave the component out.");
        }
        if (options_.dirpath.empty()) {
            throw ConfigError("OnExceptionCheckpoint: dirpath is empty. Name a folder, for instance \".\".");
        }
    }

    [[nodiscard]] std::filesystem::path ckpt_path() const {
        return options_.dirpath / (options_.filename + ".ckpt");
    }

    void on_exception(auto& trainer, auto& /*module*/, const std::exception& /*error*/) const {
        const std::optional<Status> asked = trainer.asked_to_end_by();
        const bool wanted = !asked                            ? options_.on_error
                            : *asked == Status::interrupted ? options_.on_interrupt
                                                            : options_.on_termination;
        if (!wanted) {
            return;
        }
        // Before training has begun, and outside of a fit, there is nothing to go on from: what was saved earlier stays.
        if (trainer.stage() != Stage::fit || trainer.running_stage() == RunningStage::none) {
            return;
        }
        trainer.save_checkpoint(ckpt_path());
    }
    void teardown(auto& trainer, auto& /*module*/, Stage /*stage*/) const {
        if (trainer.is_global_zero()) {
            std::error_code ignored;
            std::filesystem::remove(ckpt_path(), ignored);
        }
    }

    /// For `ckpt_path = "last"`; empty when nothing was saved.
    [[nodiscard]] std::filesystem::path find_last(auto& /*trainer*/) const {
        std::error_code ignored;
        return std::filesystem::exists(ckpt_path(), ignored) ? ckpt_path() : std::filesystem::path();
    }

 private:
    OnExceptionCheckpointOptions options_;
};

}  // namespace lit
