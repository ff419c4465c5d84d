// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/packed_value.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/rank_states.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <utility>

namespace lit::detail {

LIT_INLINE List only_answer(Dict own) {
    List all;
    all.emplace_back(std::move(own));
    return all;
}

LIT_INLINE at::Tensor length_of(const at::Tensor& packed) { return at::full({1}, packed.numel(), at::kLong); }

LIT_INLINE at::Tensor padded(const at::Tensor& packed, const at::Tensor& lengths) {
    at::Tensor row = at::zeros({lengths.max().item<std::int64_t>()}, at::kByte);
    row.narrow(0, 0, packed.numel()).copy_(packed);
    return row;
}

LIT_INLINE List unpack_rows(const at::Tensor& rows) {
    List all;
    for (std::int64_t rank = 0; rank < rows.size(0); ++rank) {
        all.push_back(unpack_value(rows[rank].contiguous()));
    }
    return all;
}

}  // namespace lit::detail
