// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/background_writer.hpp>
#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/core/value.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace lit {

/// Has all checkpoints of the trainer written in a thread of its own, while training goes on: `lit::AsyncCheckpoint{}`
/// among the components.
///
/// The loop waits only for the copy of the tensors into buffers that are kept. A save that comes while the one before is
/// still being written waits for it, so that memory does not grow. A checkpoint that others replace is removed only when
/// they are on the disk. A run returns, also after an exception, when everything is.
/// Errors  a save that fails ends the run at the next step, or at its end, with the FileError of that save; what the file
///         was to replace stays.
/// Cost    buffers on the CPU as large as the checkpoint, from the first save on; a comparison per step. Loggers hear of a
///         file when it has been handed over, which is before it is on the disk.
/// Source  Lightning `AsyncCheckpointIO`, which has neither a bound on memory nor an order of saving and removing.
class AsyncCheckpoint {
 public:
    using Role = role::checkpoint_io;

    void on_train_batch_start(auto& trainer, auto& /*module*/) { look(trainer); }
    void on_validation_batch_start(auto& trainer, auto& /*module*/) { look(trainer); }
    void teardown(auto& trainer, auto& /*module*/) { look(trainer); }

    void save_checkpoint(const Dict& checkpoint, const std::filesystem::path& path) {
        writer().save_checkpoint(checkpoint, path);
    }
    void remove_checkpoint(const std::filesystem::path& path) { writer().remove_checkpoint(path); }
    void link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link) {
        writer().link_checkpoint(file, link);
    }
    [[nodiscard]] bool exists(const std::filesystem::path& path) const {
        return writer_ != nullptr ? writer_->exists(path) : std::filesystem::exists(path);
    }
    void wait() {
        if (writer_ != nullptr) {
            writer_->wait();
        }
    }
    /// How many saves are on the disk.
    [[nodiscard]] std::int64_t finished_saves() const { return writer_ != nullptr ? writer_->finished_saves() : 0; }

 private:
    // Made when it is needed, since a component is moved into its trainer and a thread is not.
    BackgroundWriter& writer() {
        if (writer_ == nullptr) {
            writer_ = std::make_unique<BackgroundWriter>();
        }
        return *writer_;
    }
    void look(auto& trainer) {
        if (writer_ == nullptr || !writer_->has_news()) {
            return;
        }
        for (const std::string& complaint : writer_->take_complaints()) {
            trainer.warn("AsyncCheckpoint: " + complaint);
        }
        writer_->check();
    }

    std::unique_ptr<BackgroundWriter> writer_;
};

}  // namespace lit
