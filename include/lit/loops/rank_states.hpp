// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/packed_value.hpp>
#include <lit/collectives/collective.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <type_traits>
#include <utility>

namespace lit::detail {

/// The answer of one rank alone.
[[nodiscard]] LIT_INLINE List only_answer(Dict own);
/// How long a packed answer is, for the others.
[[nodiscard]] LIT_INLINE at::Tensor length_of(const at::Tensor& packed);
/// As long as the longest.
[[nodiscard]] LIT_INLINE at::Tensor padded(const at::Tensor& packed, const at::Tensor& lengths);
[[nodiscard]] LIT_INLINE List unpack_rows(const at::Tensor& rows);

/// What every rank says, in the order of the ranks, on every rank.
///
/// Cost    on several ranks two gathers, the second of as many bytes from each as the longest answer has.
template <class Collective>
    requires CollectivePolicy<std::remove_reference_t<Collective>>
[[nodiscard]] List gather_from_ranks(Collective&& ranks, Dict own) {
    if (ranks.world_size() == 1) {
        return only_answer(std::move(own));
    }
    const at::Tensor mine = pack_value(own);
    const at::Tensor lengths = ranks.all_gather(length_of(mine));
    return unpack_rows(ranks.all_gather(padded(mine, lengths)));
}

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/rank_states.hpp>
#endif
