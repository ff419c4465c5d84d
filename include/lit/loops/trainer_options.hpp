// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/duration.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/deterministic.hpp>
#include <lit/loops/limit.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace lit {

/// The numbers of the loop, with Lightning's names and defaults; an empty optional is Lightning's None.
///
/// `accelerator`, `devices`, `num_nodes` belong to the strategy; loggers, callbacks, accumulation and clipping are
/// components. `check()` runs when a trainer is constructed.
/// Errors  ConfigError that names the option, what was found and what is possible.
/// Source  Lightning `Trainer`.
struct TrainerOptions {
    std::int64_t fast_dev_run = 0;            ///< so many batches of each kind, nothing saved or logged; `true` is 1
    std::optional<std::int64_t> max_epochs{};  ///< -1: no end; none: 1000, or no end when max_steps or max_time is set
    std::optional<std::int64_t> min_epochs{};
    std::int64_t max_steps = -1;              ///< optimizer steps; -1: no end
    std::optional<std::int64_t> min_steps{};
    std::optional<Duration> max_time{};       ///< a Timer of that duration; a Timer among the components goes first
    Limit limit_train_batches = 1.0;
    Limit limit_val_batches = 1.0;
    Limit limit_test_batches = 1.0;
    Limit limit_predict_batches = 1.0;
    Limit overfit_batches = 0.0;              ///< train and validate on so few, in order
    std::optional<ValCheckInterval> val_check_interval{};       ///< none: 1.0
    std::optional<std::int64_t> check_val_every_n_epoch = 1;  ///< none: val_check_interval counts over all epochs
    std::int64_t num_sanity_val_steps = 2;    ///< validation batches before training; -1: all
    std::int64_t log_every_n_steps = 50;      ///< accumulation windows between rows of the loggers; 0: never
    std::int64_t reload_dataloaders_every_n_epochs = 0;
    std::optional<Deterministic> deterministic{};  ///< torch's deterministic algorithms; none: as it is
    std::optional<bool> benchmark{};          ///< cuDNN's search for the fastest kernel; none: as it is
    bool inference_mode = true;               ///< validate, test, predict in inference mode rather than no_grad
    bool use_distributed_sampler = true;      ///< shard loaders over the ranks
    bool detect_anomaly = false;              ///< find the operation whose gradient is nan, and a loss that is
    bool enable_autolog_hparams = true;       ///< give hyperparameters to the loggers at the start of a run
    std::filesystem::path default_root_dir{};  ///< empty: the current folder

    void check() const;

    /// The options with what `fast_dev_run` and `overfit_batches` mean written out.
    [[nodiscard]] TrainerOptions resolved() const;

 private:
    static void require(bool fine, std::string_view name, std::int64_t found, std::string_view expected);
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/trainer_options.hpp>
#endif
