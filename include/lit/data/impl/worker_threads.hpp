// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/data/worker_threads.hpp>

#include <ATen/Parallel.h>

#include <dlfcn.h>

#include <cstdint>
#include <mutex>
#include <thread>

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

LIT_INLINE WorkerThreads::WorkerThreads(std::int64_t count) : WorkerThreads() {
    for (std::int64_t i = 0; i < count; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

LIT_INLINE WorkerThreads::~WorkerThreads() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    begins_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

LIT_INLINE void WorkerThreads::wait(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [&] { return number_ != number || at_work_ == 0; });
}

LIT_INLINE void WorkerThreads::work() {
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

}  // namespace lit::detail
