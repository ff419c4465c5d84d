// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/checkpoint/host_buffers.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/value.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace lit {

/// Writes checkpoints in a thread of its own, and removes and links files there, one after the other in the order asked for.
///
/// A save waits for the copy of the tensors into buffers that are kept, and for the save before it, if that is still being
/// written: there is one checkpoint in memory at a time. What is asked for behind a save or a link that failed is not done,
/// so that nothing is removed for the sake of a file that is not there.
/// Errors  of a save: thrown by the next `check()` or `wait()`, once; a further save is tried in any case. A file that
///         cannot be removed is a complaint, not an error.
/// Threads one owner calls; the destructor waits for what is under way, and tells an error that nobody asked for.
class BackgroundWriter {
 public:
    BackgroundWriter();
    BackgroundWriter(const BackgroundWriter&) = delete;
    BackgroundWriter& operator=(const BackgroundWriter&) = delete;
    ~BackgroundWriter();

    void save_checkpoint(const Dict& checkpoint, const std::filesystem::path& path);
    void remove_checkpoint(const std::filesystem::path& path);
    void link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link);
    /// Once everything so far is done.
    [[nodiscard]] bool exists(const std::filesystem::path& path) const;
    /// Returns once everything so far is done. Errors  as `check()`.
    void wait();

    /// Whether `check()` or `take_complaints()` has something to tell. Cost  one load.
    [[nodiscard]] bool has_news() const { return has_news_.load(std::memory_order_relaxed); }
    /// Throws what a save threw.
    void check();
    [[nodiscard]] std::vector<std::string> take_complaints();
    /// Saves that are on the disk.
    [[nodiscard]] std::int64_t finished_saves() const { return finished_saves_.load(std::memory_order_acquire); }

 private:
    enum class Kind : std::uint8_t { save, remove, link };
    struct Job {
        Kind kind;
        std::filesystem::path path;
        std::filesystem::path target;  ///< of a link
        Pickled contents;              ///< of a save
        bool left_out = false;         ///< it was asked for behind a save that failed, and may have relied on it
    };

    void ask(Job job);
    void work();
    static void run(Job& job);
    void note(Kind kind, const std::exception_ptr& error);

    HostBuffers buffers_;
    mutable std::mutex mutex_;
    std::condition_variable asked_;
    std::condition_variable done_;
    std::deque<Job> jobs_;
    bool saving_ = false;
    bool failed_ = false;  ///< the last save, or a link to it; what was to follow is not done
    bool stopped_ = false;
    std::exception_ptr error_;
    std::vector<std::string> complaints_;
    std::atomic<bool> has_news_ = false;
    std::atomic<std::int64_t> finished_saves_ = 0;
    std::thread thread_;
};
static_assert(CheckpointIOPolicy<BackgroundWriter>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/background_writer.hpp>
#endif
