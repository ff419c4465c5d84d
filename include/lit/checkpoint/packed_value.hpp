// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

namespace lit {

/// A value as one row of bytes, for those who can only send tensors: uint8 `[n]`, on the CPU.
///
/// Errors  CheckpointError for what a checkpoint cannot hold either.
/// Cost    one copy of the tensors' bytes.
[[nodiscard]] LIT_INLINE at::Tensor pack_value(const Value& value);

/// The value that `pack_value` packed; what stands behind it in the row is left alone.
///
/// Errors  CheckpointError for a row of anything else.
[[nodiscard]] LIT_INLINE Value unpack_value(const at::Tensor& row);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/packed_value.hpp>
#endif
