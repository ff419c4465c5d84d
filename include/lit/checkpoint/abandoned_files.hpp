// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>

#include <cstdint>
#include <filesystem>

namespace lit {

/// Removes from a folder what killed processes left half-written: temporary files of AtomicFile that nobody has locked. A
/// file that another process is writing at the moment stays, also one on another machine where the file system knows locks.
///
/// Returns how many were removed; what cannot be looked at or removed stays.
LIT_INLINE std::int64_t remove_abandoned_files(const std::filesystem::path& folder);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/abandoned_files.hpp>
#endif
