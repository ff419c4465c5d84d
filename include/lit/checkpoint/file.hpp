// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_limits.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <filesystem>

namespace lit {

struct Pickled;

/// How a file of weights or a checkpoint is read.
struct ReadOptions {
    bool mmap = false;      ///< tensors stand in the mapped file, which is read where it is looked at; no checksum is verified
    PickleLimits limits{};  ///< on what is not tensors
};

/// Reads a file that `torch.save`, Lightning or lit wrote, without running anything that it says.
///
/// Known   the zip format and the one before it (PyTorch below 1.6). Tensors come to the CPU wherever they were.
/// Errors  FileError when the file cannot be opened; CheckpointError, with the path, for everything that is wrong in it, and
///         for a file that would have Python run code.
/// Cost    one copy of the tensors' bytes, from the file into the storages; none with `mmap`, whatever the size (files of
///         the old format are copied).
/// Source  `torch.load(path, map_location="cpu", weights_only=True, mmap=...)`.
LIT_INLINE Value load_checkpoint(const std::filesystem::path& path, const ReadOptions& options = {});

/// Writes what `write_pickle` made as a file; see `save_checkpoint_file`. The storages are on the CPU.
LIT_INLINE void write_checkpoint_file(const std::filesystem::path& path, const Pickled& pickled);

/// Writes a file that `torch.load(weights_only=True)` and Lightning read; see AtomicFile for what happens on
/// failure.
///
/// Missing folders on the way are made.
/// Errors  FileError with the path and the system's reason; CheckpointError for values that cannot be
/// written. Cost    the file is written from the storages themselves; the caller waits until it is on the
/// disk.
LIT_INLINE void save_checkpoint_file(const std::filesystem::path& path, const Value& value);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/file.hpp>
#endif
