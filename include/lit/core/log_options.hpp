// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace lit {

/// How the values that one name got in an epoch become one number.
enum class Reduce : std::uint8_t { mean, minimum, maximum, sum };

/// The arguments of `log`, with Lightning's names and defaults.
struct LogOptions {
    bool prog_bar = false;              ///< shown in the progress bar
    bool logger = true;                 ///< sent to the loggers
    std::optional<bool> on_step{};      ///< publish each value; unset: as the hook says (true in training_step)
    std::optional<bool> on_epoch{};     ///< publish the reduction at the epoch's end; unset: as the hook says
    Reduce reduce_fx = Reduce::mean;    ///< a mean is weighted with the batch size
    bool sync_dist = false;             ///< reduce over the ranks
    bool add_dataloader_idx = true;     ///< append `/dataloader_idx_N` when there are several loaders
    std::int64_t batch_size = 0;        ///< weight of this value in the mean; 0: taken from the batch
    bool rank_zero_only = false;        ///< only rank 0 logs it: never synchronised
};

}  // namespace lit
