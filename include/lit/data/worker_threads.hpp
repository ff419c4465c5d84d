// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

#include <dlfcn.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
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
            call_(job_);  // both stay until all threads are through
            lock.lock();
            if (--at_work_ == 0) {
                over_.notify_all();
            }
        }
    }

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
