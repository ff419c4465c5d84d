// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>

#include <concepts>
#include <filesystem>

namespace lit {

/// Where checkpoints are written to and removed from, as a component of the trainer; without one, files at once.
///
/// All calls come from rank 0, in the order in which things are to happen: what is removed behind a save is not needed
/// once that save is done, and stays where it failed.
///
/// save_checkpoint(c, path)      takes `c`, whose tensors change as soon as the call returns, to `path`.
/// remove_checkpoint(path)       the file or folder of an earlier save.
/// link_checkpoint(file, link)   `link` is another name for `file`, in place of what is there.
/// exists(path)                  whether, after all calls so far, something is there.
/// wait()                        returns once everything so far is where a power cut leaves it; the end of a run calls it.
/// Errors  FileError with the path and the system's reason, from the call or, where that only hands the work on, from a
///         later one.
/// Models  FileCheckpointIO, AsyncCheckpoint.
/// Source  Lightning `CheckpointIO`.
template <class IO>
concept CheckpointIOPolicy = requires(IO& io, const Dict& checkpoint, const std::filesystem::path& path) {
    io.save_checkpoint(checkpoint, path);
    io.remove_checkpoint(path);
    io.link_checkpoint(path, path);
    { io.exists(path) } -> std::same_as<bool>;
    io.wait();
};

}  // namespace lit
