// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/mode.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace lit {

/// Whether `last.ckpt` is kept beside the others: `true` (a copy), `false`, or `SaveLast::link` (a symbolic link to
/// the file that was saved last).
class SaveLast {
 public:
    enum Kind : std::uint8_t { no, copy, link };

    constexpr SaveLast() = default;
    constexpr SaveLast(Kind kind) : kind_(kind) {}          // NOLINT: `.save_last = SaveLast::link`
    constexpr SaveLast(bool on) : kind_(on ? copy : no) {}  // NOLINT: `.save_last = true`

    [[nodiscard]] constexpr bool wanted() const { return kind_ != no; }
    [[nodiscard]] constexpr bool is_link() const { return kind_ == link; }

 private:
    Kind kind_ = no;
};

/// Lightning's arguments of `ModelCheckpoint`, with its defaults; an empty optional is its None.
///
/// `mode` stands before `save_top_k`; apart from that the order is Lightning's.
struct ModelCheckpointOptions {
    std::filesystem::path
        dirpath{};           ///< empty: `checkpoints` in the first logger's folder, or in the root folder
    std::string filename{};  ///< a CheckpointName; empty: `{epoch}-{step}`
    std::string monitor{};   ///< only for ModelCheckpoint<>: the value's name, chosen at run time
    bool verbose = false;
    Mode mode = Mode::minimize;
    SaveLast save_last{};  ///< written whenever another checkpoint is, and at the end if there was none
    std::int64_t save_top_k = 1;     ///< -1: all; 0: none; without a monitor -1, 0 or 1 (the newest)
    bool save_on_exception = false;  ///< Ctrl+C and SIGTERM are exceptions too
    bool save_weights_only = false;
    bool auto_insert_metric_name = true;
    std::optional<std::int64_t> every_n_train_steps{};               ///< optimizer steps
    std::optional<std::chrono::milliseconds> train_time_interval{};  ///< 0: every batch
    std::optional<std::int64_t> every_n_epochs{};                    ///< 1 where no other trigger is given
    std::optional<bool>
        save_on_train_epoch_end{};       ///< none: before or after validation, as Lightning decides
    bool enable_version_counter = true;  ///< -v1, -v2, ... rather than replace a file that is there

    /// Errors  ConfigError that says which values exclude each other.
    void check(bool monitors) const;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/model_checkpoint_options.hpp>
#endif
