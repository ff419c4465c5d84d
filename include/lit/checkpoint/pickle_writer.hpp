// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <string>
#include <vector>

namespace lit {

namespace detail {

/// The bytes of a storage on its device, as a tensor: uint8 `[nbytes]`.
LIT_INLINE at::Tensor storage_bytes(const c10::Storage& storage);

}  // namespace detail

/// A pickle and the storages that its tensors refer to: number `i` belongs into the record `data/i`.
struct Pickled {
    std::string data;
    std::vector<c10::Storage> storages;  ///< the tensors' own, wherever they are

    /// Copies what is on other devices to the CPU, a whole storage at once, so that views of it stay views.
    void bring_to_host();
};

/// Writes a value as a pickle of protocol 2, with only what `torch.load(weights_only=True)` accepts.
///
/// Shapes  a tensor keeps shape, strides and dtype; tensors that share a storage go on sharing it. The names of devices
///         are not kept: whoever reads the file has them on the CPU.
/// Errors  CheckpointError that says where: Opaque values, undefined, sparse, quantised and meta tensors,
/// text that is
///         not UTF-8, keys that Python cannot hash, more than 100 levels.
/// Cost    no copy of storages: what changes in them before they are written is written.
LIT_INLINE Pickled write_pickle(const Value& value);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/pickle_writer.hpp>
#endif
