// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/loader_epoch.hpp>
#include <lit/data/worker_threads.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace lit::detail {

/// The persistent threads of a loader, and the epoch that they may have begun before it was asked for.
///
/// That epoch reads the dataset of this very loader: a copy begins without it, and so does a loader that is moved to. As a
/// member it has to stand before the dataset, so that a move stops the threads first; the loader's destructor
/// calls `drop`.
template <class Dataset>
class EpochAhead {
 public:
    EpochAhead() = default;
    EpochAhead(const EpochAhead& /*other*/) {}
    EpochAhead(EpochAhead&& other) noexcept { other.end(); }
    EpochAhead& operator=(const EpochAhead& /*other*/) {
        end();
        return *this;
    }
    EpochAhead& operator=(EpochAhead&& other) noexcept {
        end();
        other.end();
        return *this;
    }
    ~EpochAhead() = default;

    /// The threads, as many as were asked for first.
    [[nodiscard]] const std::shared_ptr<WorkerThreads>& workers(std::int64_t count) {
        if (!workers_) {
            workers_ = std::make_shared<WorkerThreads>(count);
        }
        return workers_;
    }
    void keep(std::int64_t number, std::unique_ptr<LoaderEpoch<Dataset>> epoch) {
        number_ = number;
        epoch_ = std::move(epoch);
    }
    /// The epoch that was begun if it is the one with this number from its first batch on, else none. Either way none is left.
    [[nodiscard]] std::unique_ptr<LoaderEpoch<Dataset>> take(std::int64_t number, std::int64_t first_batch) {
        auto taken = std::exchange(epoch_, nullptr);
        return number == number_ && first_batch == 0 ? std::move(taken) : nullptr;
    }
    /// Ends and frees the epoch that was begun.
    void drop() noexcept { epoch_.reset(); }

 private:
    /// As `drop`, and of the threads too.
    void end() noexcept {
        drop();
        workers_.reset();
    }

    std::shared_ptr<WorkerThreads> workers_;
    std::unique_ptr<LoaderEpoch<Dataset>> epoch_;
    std::int64_t number_ = 0;
};

}  // namespace lit::detail
