// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/background_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace lit {

LIT_INLINE BackgroundWriter::BackgroundWriter() : thread_([this] { work(); }) {}

LIT_INLINE BackgroundWriter::~BackgroundWriter() {
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

LIT_INLINE void BackgroundWriter::save_checkpoint(const Dict& checkpoint, const std::filesystem::path& path) {
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

LIT_INLINE void BackgroundWriter::remove_checkpoint(const std::filesystem::path& path) {
    const std::lock_guard lock(mutex_);
    ask({Kind::remove, path, {}, {}});
}

LIT_INLINE void BackgroundWriter::link_checkpoint(const std::filesystem::path& file, const std::filesystem::path& link) {
    const std::lock_guard lock(mutex_);
    ask({Kind::link, link, file, {}});
}

LIT_INLINE bool BackgroundWriter::exists(const std::filesystem::path& path) const {
    {
        const std::lock_guard lock(mutex_);
        for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
            if (job->path == path && !job->left_out) {
                return job->kind != Kind::remove;
            }
        }
    }
    return std::filesystem::exists(path);
}

LIT_INLINE void BackgroundWriter::wait() {
    {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return jobs_.empty(); });
    }
    check();
}

LIT_INLINE void BackgroundWriter::check() {
    std::exception_ptr error;
    {
        const std::lock_guard lock(mutex_);
        error = std::exchange(error_, nullptr);
        if (error) {  // it is known now: what is asked for from here on is asked for in spite of it
            for (Job& job : jobs_) {
                job.left_out = job.kind != Kind::save;
            }
            failed_ = false;
        }
        has_news_ = !complaints_.empty();
    }
    if (error) {
        std::rethrow_exception(error);
    }
}

LIT_INLINE std::vector<std::string> BackgroundWriter::take_complaints() {
    const std::lock_guard lock(mutex_);
    has_news_ = error_ != nullptr;
    return std::exchange(complaints_, {});
}

LIT_INLINE void BackgroundWriter::ask(Job job) {
    jobs_.push_back(std::move(job));
    asked_.notify_one();
}

LIT_INLINE void BackgroundWriter::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        asked_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
        if (jobs_.empty()) {
            return;
        }
        Job& job = jobs_.front();  // stays until it is done; others are added behind it
        if (job.kind == Kind::save || !(failed_ || job.left_out)) {
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

LIT_INLINE void BackgroundWriter::run(Job& job) {
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

LIT_INLINE void BackgroundWriter::note(Kind kind, const std::exception_ptr& error) {
    if (kind == Kind::save) {
        saving_ = false;
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

}  // namespace lit
