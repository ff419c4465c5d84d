// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace lit {

/// One number of a row that goes to the loggers, under the name it is published by.
struct Scalar {
    std::string_view name;  ///< read during the call only
    double value = 0.0;
};

template <class L>
concept LogsMetrics = requires(L& l, std::span<const Scalar> metrics, std::int64_t step) {
    l.log_metrics(metrics, step);
};
template <class L>
concept LogsHyperparameters = requires(L& l, const Dict& params) {
    l.log_hyperparams(params);
};
template <class L>
concept SavesLogs = requires(L& l, std::string_view status) {
    l.save();
    l.finalize(status);
};
template <class L>
concept StartsLogging = requires(L& l, const std::filesystem::path& default_root_dir) {
    l.start(default_root_dir);
};
template <class L>
concept NamesItsRun = requires(const L& l) {
    { l.name() } -> std::convertible_to<std::string>;
    { l.version() } -> std::convertible_to<std::string>;
};
template <class L>
concept KnowsItsFolder = requires(const L& l) {
    { l.save_dir() } -> std::convertible_to<std::filesystem::path>;
    { l.log_dir() } -> std::convertible_to<std::filesystem::path>;
};

/// Optional: says which run it writes, and how far it has come; before start() it can be told to go on with that one.
template <class L>
concept ContinuesRun = requires(L& l, const Dict& identity) {
    { l.run_identity() } -> std::convertible_to<Dict>;
    l.resume_run(identity);
};

/// Takes the numbers of a run to where somebody will look at them.
///
/// A logger is inert until start(): constructing it touches nothing. All calls below `start` come from rank 0
/// only.
///
/// start(root)          once at the begin of every run (fit, test, ...), before the first row; `root` is the
/// trainer's
///                      `default_root_dir`, used where no `save_dir` was set. Chooses the version the first
///                      time and stays in it: a test after a fit goes to the same place.
/// log_hyperparams(d)   the merged hyperparameters of module and data; nested dicts and lists allowed.
/// log_metrics(m, x)    one row; `x` is the step on the horizontal axis, which may come again and may go back
/// to 0. save()               after every row, so it is cheap: rows may stay buffered for some seconds.
/// after_save_checkpoint(c)  optional: a ModelCheckpoint has written `c.last_saved_path()`.
/// run_identity(), resume_run(d)  optional: a checkpoint holds which run this is, with every row so far where others can
///                      read it; a fit that goes on from the checkpoint in another process writes to the same place.
/// flush()              optional, see lit::flush_logs: everything so far is where others can read it.
/// finalize(status)     at the end of every run: "success", "failed" or "finished". Nothing stays buffered.
/// name(), version()    of the experiment and of the run: `lightning_logs`, `version_3`; version() is empty
/// before start(). save_dir()           the folder of all experiments. log_dir(): the folder of this run,
/// empty before start(). Errors  ConfigError on construction for bad settings; FileError from start() where
/// nothing can be written, and
///         from any other writing call where the system refused later (disk full): never swallowed.
/// Models  NullLogger, TensorBoardLogger, CSVLogger.
template <class L>
concept LoggerPolicy = std::movable<L> && StartsLogging<L> && LogsMetrics<L> && LogsHyperparameters<L> &&
    SavesLogs<L> && NamesItsRun<L> && KnowsItsFolder<L>;

template <class L>
concept FlushesLogs = LoggerPolicy<L> && requires(L& l) {
    l.flush();
};

/// Writes out what a logger has buffered, where it buffers; called after an evaluation.
template <LoggerPolicy Logger>
void flush_logs(Logger& logger) {
    if constexpr (FlushesLogs<Logger>) {
        logger.flush();
    }
}

/// The N of `version_N`, nothing for a version that the user named.
[[nodiscard]] LIT_INLINE std::optional<std::int64_t> version_number(std::string_view version);

namespace detail {
struct NamedLikeAfterSave {
    int after_save_checkpoint;
};
template <class L>
struct AfterSaveProbe : L, NamedLikeAfterSave {};
// The lookup is ambiguous exactly when the logger has a member of that name.
template <class L>
inline constexpr bool names_after_save = !requires { &AfterSaveProbe<L>::after_save_checkpoint; };
}  // namespace detail

/// Tells a logger that a ModelCheckpoint has written a file, where the logger wants to know: it has a member template
/// `after_save_checkpoint(const auto& checkpoint)`, and finds the file in `checkpoint.last_saved_path()`.
template <LoggerPolicy Logger, class Checkpoint>
void tell_of_checkpoint(Logger& logger, const Checkpoint& checkpoint) {
    if constexpr (requires { logger.after_save_checkpoint(checkpoint); }) {
        logger.after_save_checkpoint(checkpoint);
    } else if constexpr (!std::is_final_v<Logger>) {
        static_assert(!detail::names_after_save<Logger>,
                      "lit: this logger has a member after_save_checkpoint that cannot be called as "
                      "after_save_checkpoint(const auto& checkpoint).");
    }
}

/// Writes nothing, anywhere.
struct NullLogger {
    static void start(const std::filesystem::path& /*default_root_dir*/) {}
    static void log_metrics(std::span<const Scalar> /*metrics*/, std::int64_t /*step*/) {}
    static void log_hyperparams(const Dict& /*params*/) {}
    static void save() {}
    static void finalize(std::string_view /*status*/) {}
    [[nodiscard]] static std::string name() { return {}; }
    [[nodiscard]] static std::string version() { return {}; }
    [[nodiscard]] static std::filesystem::path save_dir() { return {}; }
    [[nodiscard]] static std::filesystem::path log_dir() { return {}; }
};
static_assert(LoggerPolicy<NullLogger>);
static_assert(std::is_empty_v<NullLogger>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/logger.hpp>
#endif
