// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/packed_value.hpp>
#include <lit/collectives/collective.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// What every rank says, in the order of the ranks, on every rank.
///
/// Cost    on several ranks two gathers, the second of as many bytes from each as the longest answer has.
template <class Collective>
    requires CollectivePolicy<std::remove_reference_t<Collective>>
[[nodiscard]] List gather_from_ranks(Collective&& ranks, Dict own) {
    List all;
    if (ranks.world_size() == 1) {
        all.emplace_back(std::move(own));
        return all;
    }
    const at::Tensor mine = pack_value(own);
    const at::Tensor lengths = ranks.all_gather(at::full({1}, mine.numel(), at::kLong));
    at::Tensor row = at::zeros({lengths.max().item<std::int64_t>()}, at::kByte);
    row.narrow(0, 0, mine.numel()).copy_(mine);
    const at::Tensor rows = ranks.all_gather(row);
    for (std::int64_t rank = 0; rank < ranks.world_size(); ++rank) {
        all.push_back(unpack_value(rows[rank].contiguous()));
    }
    return all;
}

}  // namespace lit::detail
