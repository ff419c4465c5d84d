// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/duration.hpp>
#include <lit/core/error.hpp>
#include <lit/core/rank_zero_decides.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace lit {

struct StopFileOptions {
    std::filesystem::path path{};                    ///< of the file that means "stop"
    Duration check_every = std::chrono::seconds{1};  ///< looks at most that often; 0: after every batch
    bool remove = true;  ///< takes the file away once seen, so that the next fit begins
};

/// Asks for an orderly stop once a file exists: `lit::StopFile{{.path = "stop"}}`, and `touch stop` in a shell.
///
/// The run ends as after any request: validation that is due, checkpoints and on_train_end still happen, and
/// `min_epochs` and `min_steps` are met first. Only rank 0 looks, and decides for all ranks.
/// Errors  ConfigError for an empty path, a folder, and a negative interval.
/// Cost    a clock is read for each batch, the file system asked once per interval; on several ranks a broadcast per
///         batch. A file system that does not answer counts as no file.
/// Source  lit's own; Lightning knows only signals.
class StopFile {
 public:
    explicit StopFile(StopFileOptions options) : options_(std::move(options)) {
        if (options_.path.empty()) {
            throw ConfigError("StopFile: path is empty. Name the file that means \"stop\".");
        }
        if (std::error_code code; std::filesystem::is_directory(options_.path, code)) {
            throw ConfigError(
                "StopFile: \"" + options_.path.string() +
                "\" is a folder, so every run would stop. Name a file that does not exist yet.");
        }
        if (options_.check_every.is_negative()) {
            throw ConfigError("StopFile: check_every is negative (" +
                              std::to_string(options_.check_every.seconds()) +
                              " s). Expected 0 (after every batch) or more.");
        }
    }

    void on_train_start(auto& trainer, auto& /*module*/) { check(trainer, true); }
    void on_train_batch_end(auto& trainer, auto& /*module*/) { check(trainer, false); }

    /// Whether this rank has seen the file, or was told of it, in the last fit.
    [[nodiscard]] bool seen() const { return seen_; }

 private:
    using Clock = std::chrono::steady_clock;

    void check(auto& trainer, bool begins) {
        seen_ = seen_ && !begins;
        if (seen_ || !detail::rank_zero_decides(trainer, trainer.is_global_zero() && looks(begins))) {
            return;
        }
        seen_ = true;
        trainer.request_stop("the file \"" + options_.path.string() + "\" was found");
        if (options_.remove && trainer.is_global_zero()) {
            std::error_code ignored;
            std::filesystem::remove(options_.path, ignored);
        }
    }
    [[nodiscard]] bool looks(bool begins) {
        const Clock::time_point now = Clock::now();
        if (!begins &&
            std::chrono::duration<double>(now - looked_).count() < options_.check_every.seconds()) {
            return false;
        }
        looked_ = now;
        std::error_code ignored;
        return std::filesystem::exists(options_.path, ignored);
    }

    StopFileOptions options_;
    Clock::time_point looked_{};
    bool seen_ = false;
};

}  // namespace lit
