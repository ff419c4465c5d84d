// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

namespace lit {

/// How the values that one name got in an epoch become one number.
enum class Reduce : std::uint8_t { mean, minimum, maximum, sum };

/// True, false, or what the hook says: an optional bool that can stand in a template argument.
struct HookDefault {
    std::int8_t given = -1;  ///< 1, 0, or -1 where nothing was said; public, as a template argument has to be

    constexpr HookDefault() = default;
    constexpr HookDefault(std::same_as<bool> auto on) : given(on ? 1 : 0) {}  // NOLINT: `.on_step = true`

    [[nodiscard]] constexpr bool has_value() const { return given >= 0; }
    [[nodiscard]] constexpr bool value_or(bool otherwise) const { return has_value() ? given == 1 : otherwise; }
};

/// The arguments of `log`, with Lightning's names and defaults.
///
/// They stand behind the value, `log<"x">(x, {.on_epoch = true})`, and are checked at the first call; or they are a
/// template argument, `log<"x", lit::LogOptions{.on_epoch = true}>(x)`, and are checked by the compiler.
/// Source  Lightning `LightningModule.log`. Not there on purpose: `enable_graph`, since what is logged is a number
///         without a graph; `sync_dist_group`, since a run has one group; a `reduce_fx` of one's own, which Lightning
///         refuses too: log a metric object.
struct LogOptions {
    bool prog_bar = false;              ///< shown in the progress bar
    bool logger = true;                 ///< sent to the loggers
    HookDefault on_step{};              ///< publish each value; unset: as the hook says (true in training_step)
    HookDefault on_epoch{};             ///< publish the reduction at the epoch's end; unset: as the hook says
    Reduce reduce_fx = Reduce::mean;    ///< a mean is weighted with the batch size
    bool sync_dist = false;             ///< reduce over the ranks; a metric object always does so itself
    bool add_dataloader_idx = true;     ///< append `/dataloader_idx_N` when there are several loaders
    std::int64_t batch_size = 0;        ///< weight of this value in the mean; 0: taken from the batch
    bool metric_attribute = false;      ///< a metric object may live outside of the module: it outlives the run
    bool rank_zero_only = false;        ///< only rank 0 logs it: never synchronised
};

}  // namespace lit
