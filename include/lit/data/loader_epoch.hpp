// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/data/batch_generator.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/device_copy.hpp>
#include <lit/data/worker_threads.hpp>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace lit::detail {

struct EpochOptions {
    std::int64_t batch_size;
    std::int64_t first;
    std::int64_t batches;
    std::int64_t workers;
    std::int64_t prefetch;
    bool pin_memory;
    std::uint64_t seed;  ///< of the batches' own generators
    at::Device device;   ///< where workers bring them
};

/// One walk through a dataset: hands out batches first..batches-1 in order, gathered by the caller or by
/// worker threads.
template <DatasetPolicy Dataset>
class LoaderEpoch {
 public:
    using Batch = dataset_batch_t<Dataset>;

    LoaderEpoch(const Dataset& dataset, std::optional<std::vector<std::int64_t>> order, std::int64_t samples,
                EpochOptions options)
        : dataset_(dataset),
          order_(std::move(order)),
          samples_(samples),
          options_(options),
          next_(options.first),
          claimed_(options.first),
          slots_(static_cast<std::size_t>(options.workers > 0 ? options.prefetch : 0)) {}

    LoaderEpoch(const LoaderEpoch&) = delete;
    LoaderEpoch& operator=(const LoaderEpoch&) = delete;
    ~LoaderEpoch() { stop(); }

    /// Lets the workers begin: those given if they are free, else threads of this epoch's own.
    void start(std::shared_ptr<WorkerThreads> given) {
        const std::int64_t threads = std::min(options_.workers, options_.batches - options_.first);
        if (threads <= 0) {
            return;
        }
        if (given && (job_ = given->begin(*this)) != 0) {
            workers_ = std::move(given);
        } else {
            workers_ = std::make_shared<WorkerThreads>(threads);
            job_ = workers_->begin(*this);
        }
    }

    /// Where workers bring the batches.
    [[nodiscard]] at::Device device() const { return options_.device; }

    [[nodiscard]] bool done() const { return !current_.has_value(); }
    [[nodiscard]] Batch& current() { return *current_; }
    /// Which samples of the dataset the current batch is made of.
    [[nodiscard]] std::vector<std::int64_t> current_indices() const {
        const std::int64_t begin = (next_ - 1) * options_.batch_size;
        std::vector<std::int64_t> indices(
            static_cast<std::size_t>(end_of(begin) - begin));
        for (std::size_t i = 0; i < indices.size(); ++i) {
            const std::size_t place = static_cast<std::size_t>(begin) + i;
            indices[i] = order_ ? (*order_)[place] : static_cast<std::int64_t>(place);
        }
        return indices;
    }

    void advance() {
        current_.reset();
        if (next_ >= options_.batches) {
            stop();
            return;
        }
        if (!workers_) {
            const std::int64_t index = std::exchange(next_, options_.batches);  // an exception ends the epoch
            current_.emplace(gather(index));
            next_ = index + 1;
            return;
        }
        Slot slot = take();
        if (slot.error) {
            stop();
            next_ = options_.batches;
            std::rethrow_exception(std::move(slot.error));
        }
        if constexpr (MappableBatch<Batch>) {
            if (slot.on_its_way) {
                slot.on_its_way->hand_over(*slot.batch);
            }
        }
        current_ = std::move(slot.batch);
        if (next_ == options_.batches) {
            stop();  // nothing is left to gather: the workers are free at once
        }
    }

    /// A worker: claims the next batch, gathers it, puts it into its place. At most `prefetch` batches are
    /// under way.
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            room_.wait(lock, [this] {
                return stopped_ || claimed_ >= options_.batches || claimed_ < next_ + options_.prefetch;
            });
            if (stopped_ || claimed_ >= options_.batches) {
                return;
            }
            const std::int64_t index = claimed_++;
            if (claimed_ == options_.batches) {
                room_.notify_all();  // the others are through
            }
            lock.unlock();
            Slot slot;
            try {
                slot.batch.emplace(gather(index));
                if constexpr (MappableBatch<Batch>) {
                    if (!options_.device.is_cpu()) {
                        slot.on_its_way.emplace(*slot.batch, options_.device);
                    }
                }
            } catch (...) {
                slot.error = std::current_exception();
            }
            lock.lock();
            if (slot.error) {
                claimed_ = options_.batches;  // nobody will ask for what comes after
                room_.notify_all();
            }
            slot_of(index) = std::move(slot);
            if (index == next_) {
                ready_.notify_one();
            }
        }
    }

 private:
    struct Slot {
        std::optional<Batch> batch;
        std::optional<DeviceCopy> on_its_way;
        std::exception_ptr error;
    };

    /// Of the batch that begins there; a batch size may be as large as there are numbers.
    [[nodiscard]] std::int64_t end_of(std::int64_t begin) const {
        return begin + std::min(options_.batch_size, samples_ - begin);
    }
    [[nodiscard]] Batch gather(std::int64_t index) const {
        const at::NoGradGuard no_grad;
        const BatchGeneratorScope random(mixed_seed(options_.seed, static_cast<std::uint64_t>(index)));
        const std::int64_t begin = index * options_.batch_size;
        const std::int64_t end = end_of(begin);
        Batch batch = order_ ? dataset_.get_batch(Indices(*order_).subspan(
                                   static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)))
                             : get_range(dataset_, begin, end);
        if constexpr (MappableBatch<Batch>) {
            if (options_.pin_memory && at::globalContext().hasCUDA()) {
                for_each_tensor(batch, [](at::Tensor& tensor) { tensor = tensor.pin_memory(); });
            }
        }
        return batch;
    }

    [[nodiscard]] Slot take() {
        std::unique_lock lock(mutex_);
        Slot& slot = slot_of(next_);
        ready_.wait(lock, [&slot] { return slot.batch.has_value() || slot.error; });
        Slot taken = std::exchange(slot, Slot{});
        ++next_;
        lock.unlock();
        room_.notify_one();
        return taken;
    }

    [[nodiscard]] Slot& slot_of(std::int64_t index) {
        return slots_[static_cast<std::size_t>(index) % slots_.size()];
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        room_.notify_all();
        if (workers_) {
            workers_->wait(job_);
            workers_.reset();
        }
    }

    const Dataset& dataset_;
    std::optional<std::vector<std::int64_t>> order_;
    std::int64_t samples_;
    EpochOptions options_;
    std::optional<Batch> current_{};

    std::mutex mutex_{};
    std::condition_variable room_{};   // a worker may claim
    std::condition_variable ready_{};  // the next batch is there
    std::int64_t next_;                // the batch that the consumer takes next
    std::int64_t claimed_;             // the batch that a worker claims next
    bool stopped_ = false;
    std::vector<Slot> slots_;
    std::shared_ptr<WorkerThreads> workers_{};
    std::uint64_t job_ = 0;
};

}  // namespace lit::detail
