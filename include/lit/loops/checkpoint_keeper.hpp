// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>

#include <filesystem>
#include <type_traits>

namespace lit::detail {

/// The part of a Run that writes and removes checkpoints, through the component that does so if there is one.
template <class Run>
class CheckpointKeeper {
 public:
    /// Writes a checkpoint; every rank calls it, rank 0 writes.
    ///
    /// Errors  FileError when the file cannot be written; what was there before stays. With an AsyncCheckpoint it comes at
    ///         the next step.
    void save_checkpoint(const std::filesystem::path& path, bool weights_only = false);
    /// Removes a checkpoint that an earlier save replaces, once that one is on the disk. On rank 0.
    /// Errors  FileError.
    void remove_checkpoint(const std::filesystem::path& path) {
        with_io([&](auto& io) { io.remove_checkpoint(path); });
    }
    /// Gives a checkpoint a further name, by a relative link. On rank 0.
    /// Errors  FileError.
    void link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link) {
        with_io([&](auto& io) { io.link_checkpoint(file, link); });
    }
    /// Whether there is something by that name, once everything that was asked for is done. On rank 0.
    [[nodiscard]] bool checkpoint_exists(const std::filesystem::path& path) {
        bool there = false;
        with_io([&](auto& io) { there = io.exists(path); });
        return there;
    }
    /// Returns when every checkpoint so far is on the disk.
    /// Errors  FileError of a save that failed.
    void wait_for_checkpoints() {
        with_io([](auto& io) { io.wait(); });
    }

 private:
    friend Run;

    template <class F>
    void with_io(F&& f) {
        bool done = false;
        for_each_component(static_cast<Run&>(*this).components(), [&](auto& component) {
            if constexpr (CheckpointIOPolicy<std::remove_cvref_t<decltype(component)>>) {
                if (!done) {
                    done = true;
                    f(component);
                }
            }
        });
        if (!done) {
            FileCheckpointIO files;
            f(files);
        }
    }
};

}  // namespace lit::detail
