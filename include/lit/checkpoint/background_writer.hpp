// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>
#include <lit/checkpoint/host_buffers.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/value.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
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
    BackgroundWriter() : thread_([this] { work(); }) {}
    BackgroundWriter(const BackgroundWriter&) = delete;
    BackgroundWriter& operator=(const BackgroundWriter&) = delete;
    ~BackgroundWriter() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        asked_.notify_one();
        thread_.join();
        try {
            check();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "lit: %s\n", error.what());
        }
    }

    void save_checkpoint(const Dict& checkpoint, const std::filesystem::path& path) {
        {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [this] { return !saving_; });
        }
        Job job{Kind::save, path, {}, write_pickle(checkpoint)};
        buffers_.take(job.contents);
        const std::lock_guard lock(mutex_);
        saving_ = true;
        ask(std::move(job));
    }
    void remove_checkpoint(const std::filesystem::path& path) {
        const std::lock_guard lock(mutex_);
        ask({Kind::remove, path, {}, {}});
    }
    void link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link) {
        const std::lock_guard lock(mutex_);
        ask({Kind::link, link, file, {}});
    }
    /// Once everything so far is done.
    [[nodiscard]] bool exists(const std::filesystem::path& path) const {
        {
            const std::lock_guard lock(mutex_);
            for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
                if (job->path == path) {
                    return job->kind != Kind::remove;
                }
            }
        }
        return std::filesystem::exists(path);
    }
    /// Returns once everything so far is done. Errors  as `check()`.
    void wait() {
        {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [this] { return jobs_.empty(); });
        }
        check();
    }

    /// Whether `check()` or `take_complaints()` has something to tell. Cost  one load.
    [[nodiscard]] bool has_news() const { return has_news_.load(std::memory_order_relaxed); }
    /// Throws what a save threw.
    void check() {
        std::exception_ptr error;
        {
            const std::lock_guard lock(mutex_);
            error = std::exchange(error_, nullptr);
            has_news_ = !complaints_.empty();
        }
        if (error) {
            std::rethrow_exception(error);
        }
    }
    [[nodiscard]] std::vector<std::string> take_complaints() {
        const std::lock_guard lock(mutex_);
        has_news_ = error_ != nullptr;
        return std::exchange(complaints_, {});
    }
    /// Saves that are on the disk.
    [[nodiscard]] std::int64_t finished_saves() const { return finished_saves_.load(std::memory_order_acquire); }

 private:
    enum class Kind : std::uint8_t { save, remove, link };
    struct Job {
        Kind kind;
        std::filesystem::path path;
        std::filesystem::path target;  ///< of a link
        Pickled contents;              ///< of a save
    };

    void ask(Job job) {
        jobs_.push_back(std::move(job));
        asked_.notify_one();
    }
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            asked_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
            if (jobs_.empty()) {
                return;
            }
            Job& job = jobs_.front();  // stays until it is done; others are added behind it
            if (job.kind == Kind::save || !failed_) {
                lock.unlock();
                std::exception_ptr error;
                try {
                    run(job);
                } catch (...) {
                    error = std::current_exception();
                }
                lock.lock();
                note(job.kind, error);
            }
            jobs_.pop_front();
            done_.notify_all();
        }
    }
    static void run(Job& job) {
        switch (job.kind) {
            case Kind::save:
                write_checkpoint_file(job.path, job.contents);
                break;
            case Kind::remove:
                remove_checkpoint_file(job.path);
                break;
            case Kind::link:
                link_checkpoint_file(job.target, job.path);
                break;
        }
    }
    void note(Kind kind, const std::exception_ptr& error) {
        if (kind == Kind::save) {
            saving_ = false;
            failed_ = false;
            finished_saves_.fetch_add(error ? 0 : 1, std::memory_order_release);
        }
        failed_ = failed_ || (error && kind != Kind::remove);
        if (error && (kind == Kind::remove || error_)) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& what) {
                complaints_.emplace_back(what.what());
            }
        } else if (error) {
            error_ = error;
        }
        has_news_ = error_ != nullptr || !complaints_.empty();
    }

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
