// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ops/scalar_tensor.h>

namespace lit::detail {

/// What rank 0 thinks of it, on every rank; clocks and files of other ranks may tell another story.
///
/// Cost    nothing on one rank, else a broadcast.
[[nodiscard]] bool rank_zero_decides(auto& trainer, bool decision) {
    if (trainer.world_size() == 1) {
        return decision;
    }
    return trainer.collective()
               .broadcast(at::scalar_tensor(decision ? 1.0 : 0.0), 0)
               .template item<double>() != 0.0;
}

}  // namespace lit::detail
