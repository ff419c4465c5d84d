// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_limits.hpp>
#include <lit/checkpoint/storage_source.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <cstddef>
#include <string_view>

namespace lit {

/// Reads one Python pickle of protocol 2 to 5 as data: nothing is imported, called or executed.
///
/// Known   tensors, parameters; `OrderedDict`, `defaultdict`, `Counter`, Lightning's `AttributeDict` (each a Dict);
///         `torch.Size` (a Tuple), paths (a str), numpy scalars (numbers). Everything else, bytes and sets
///         and dtypes included, becomes Opaque: the name of its class, its arguments, its state.
/// Source  `source(key, bytes)` returns the c10::Storage that a persistent id names.
/// Errors  CheckpointError for whatever is damaged, circular, too deep or too large; never anything worse.
/// Cost    each object is unfolded where it is used; tensors that share a storage go on sharing it.
LIT_INLINE Value read_pickle(std::string_view data, detail::StorageSource source, PickleLimits limits = {},
                             std::size_t* consumed = nullptr);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/pickle_reader.hpp>
#endif
