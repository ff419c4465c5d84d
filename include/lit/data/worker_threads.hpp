// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

#include <dlfcn.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace lit::detail {

/// Makes LibTorch's kernels run on one thread when called from this thread, and only from this one.
///
/// at::set_num_threads would also change what threads started later get, autograd's among them. OpenMP's own
/// setting belongs to the calling thread; it is looked up, since which OpenMP is there is LibTorch's matter.
inline void use_one_intraop_thread() {
    static_cast<void>(
        at::get_num_threads());  // LibTorch initialises a thread lazily, and must have done so before
    at::internal::lazy_init_num_threads();
    using SetThreads = void (*)(int);
    if (const auto set = reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) {
        set(1);
    }
}

/// Threads that call one job after another, each of them every job once; with one intra-op thread of LibTorch's each.
class WorkerThreads {
 public:
    /// Where a thread cannot be started, those before it are ended: the object is complete by then.
    explicit WorkerThreads(std::int64_t count) : WorkerThreads() {
        for (std::int64_t i = 0; i < count; ++i) {
            threads_.emplace_back([this] { work(); });
        }
    }
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;
    ~WorkerThreads() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        begins_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    [[nodiscard]] bool are_free() {
        const std::lock_guard lock(mutex_);
        return at_work_ == 0;
    }
    /// The number of the job, to wait for it; 0, and nothing is begun, while another one is not over. The job must not throw.
    [[nodiscard]] std::uint64_t begin(std::function<void()> job) {
        const std::lock_guard lock(mutex_);
        if (at_work_ > 0) {
            return 0;
        }
        job_ = std::move(job);
        at_work_ = threads_.size();
        ++number_;
        begins_.notify_all();
        return number_;
    }
    /// Until each thread is through with that job; what was begun after it is not waited for.
    void wait(std::uint64_t number) {
        std::unique_lock lock(mutex_);
        over_.wait(lock, [&] { return number_ != number || at_work_ == 0; });
    }

 private:
    WorkerThreads() = default;

    void work() {
        use_one_intraop_thread();
        std::uint64_t done = 0;
        std::unique_lock lock(mutex_);
        for (;;) {
            begins_.wait(lock, [&] { return ends_ || number_ != done; });
            if (number_ == done) {
                return;
            }
            done = number_;
            lock.unlock();
            job_();  // stays until all threads are through with it
            lock.lock();
            if (--at_work_ == 0) {
                over_.notify_all();
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable begins_;
    std::condition_variable over_;
    std::function<void()> job_;
    std::uint64_t number_ = 0;
    std::size_t at_work_ = 0;
    bool ends_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace lit::detail
