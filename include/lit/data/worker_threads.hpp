// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace lit::detail {

/// Threads that call one job after another, each of them every job once; with one intra-op thread of LibTorch's each.
class WorkerThreads {
 public:
    /// Where a thread cannot be started, those before it are ended: the object is complete by then.
    explicit WorkerThreads(std::int64_t count);
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;
    ~WorkerThreads();

    [[nodiscard]] bool are_free() {
        const std::lock_guard lock(mutex_);
        return at_work_ == 0;
    }
    /// Has each thread call `job.work()` once, which must not throw; the job stays where it is until `wait` is over. Returns its
    /// number, to wait for it; 0, and nothing is begun, while another one is not over.
    template <class Job>
    [[nodiscard]] std::uint64_t begin(Job& job) {
        const std::lock_guard lock(mutex_);
        if (at_work_ > 0) {
            return 0;
        }
        job_ = &job;
        call_ = [](void* begun) { static_cast<Job*>(begun)->work(); };
        at_work_ = threads_.size();
        ++number_;
        begins_.notify_all();
        return number_;
    }
    /// Until each thread is through with that job; what was begun after it is not waited for.
    void wait(std::uint64_t number);

 private:
    WorkerThreads() = default;

    void work();

    std::mutex mutex_;
    std::condition_variable begins_;
    std::condition_variable over_;
    void* job_ = nullptr;
    void (*call_)(void*) = nullptr;
    std::uint64_t number_ = 0;
    std::size_t at_work_ = 0;
    bool ends_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/data/impl/worker_threads.hpp>
#endif
