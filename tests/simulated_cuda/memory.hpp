// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulated_cuda/device.hpp"

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>
#include <c10/core/impl/alloc_cpu.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// The memory of the simulated GPU, who uses it when, and what the host is told of.
namespace simulated {

inline constexpr int poison = 0xFF;  // every floating-point type's NaN

inline constexpr std::size_t streams = 2;  // the default one and one of the pool
/// How far each stream had come: a moment, as far as a stream knows.
using Moment = std::array<std::int64_t, streams>;
inline thread_local std::size_t current_stream = 0;
inline constexpr c10::DeviceIndex devices = 2;  // whose streams are taken for the same
inline thread_local c10::DeviceIndex current_device = 0;

inline at::Device here() { return {at::kCUDA, current_device}; }

/// The order that streams keep among each other: what each has done, and what it knows to be done of the others.
class Order {
 public:
    static Order& all() {
        static Order order;
        return order;
    }
    /// One more operation of the current stream's; what it makes of it.
    Moment next() {
        ++known_[current_stream][current_stream];
        ++given_[current_stream];
        return known_[current_stream];
    }
    [[nodiscard]] std::int64_t event() {
        events_.push_back(known_[current_stream]);
        return static_cast<std::int64_t>(events_.size());
    }
    void wait_for(std::int64_t event, std::size_t stream) {
        merge(known_[stream], events_[static_cast<std::size_t>(event - 1)]);
    }
    /// The host has waited for everything: what it asks for from now on comes behind.
    void host_has_waited() {
        Moment everything{};
        for (std::size_t s = 0; s < streams; ++s) {
            everything[s] = known_[s][s];
        }
        known_.fill(everything);
    }
    static void merge(Moment& mine, const Moment& other) {
        for (std::size_t s = 0; s < streams; ++s) {
            mine[s] = std::max(mine[s], other[s]);
        }
    }
    [[nodiscard]] const std::array<std::int64_t, streams>& given() const { return given_; }
    void forget() { given_.fill(0); }

 private:
    std::array<Moment, streams> known_{};
    std::array<std::int64_t, streams> given_{};
    std::vector<Moment> events_;
};

/// What the host is told of, and the copies that are still under way.
struct Account {
    std::mutex mutex;
    std::vector<std::string> waits;
    std::vector<std::string> races;
    Copies copies;
    std::vector<std::pair<at::Tensor, at::Tensor>> arriving;  ///< of the host, and what it will hold

    void waited(std::string why) {
        const std::lock_guard lock(mutex);
        waits.push_back(std::move(why));
        Order::all().host_has_waited();
        for (auto& [there, what] : arriving) {
            there.copy_(what);
        }
        arriving.clear();
    }
};
inline Account& account() {
    static Account all;
    return all;
}

/// One piece of memory under two addresses: the device's, which nobody may touch, and the one where its kernels find it.
class Memory {
 public:
    static Memory& all() {
        static Memory memory;
        return memory;
    }

    /// As a caching allocator does: what is freed is for the stream that it was allocated in, which need not wait for itself, and
    /// for others only if it was told of them.
    [[nodiscard]] void* allocate(std::size_t bytes) {
        const std::size_t size = std::bit_ceil(std::max<std::size_t>(bytes, 64));
        const std::lock_guard lock(mutex_);
        auto& free = free_[{size, current_stream}];
        std::byte* place = nullptr;
        if (!free.empty()) {
            place = free.back();
            free.pop_back();
        } else {
            if (used_ + size > capacity) {
                throw std::runtime_error("simulated CUDA: out of memory");
            }
            place = device_ + used_;
            used_ += size;
            blocks_.emplace(place, Block{size, current_stream});
        }
        std::memset(host(place), poison, size);
        return place;
    }
    void release(void* pointer) {
        auto* place = static_cast<std::byte*>(pointer);
        const std::lock_guard lock(mutex_);
        Block& block = blocks_.at(place);
        for (std::size_t s = 0; s < streams; ++s) {
            if (block.told_of[s]) {  // it is handed out again when that stream has done what it was given so far
                block.read[s] = block.written[s] = 0;
            }
        }
        block.told_of = {};
        std::memset(host(place), poison, block.size);
        free_[{block.size, block.stream}].push_back(place);
    }
    void record_stream(const void* pointer, std::size_t stream) {
        const std::lock_guard lock(mutex_);
        if (const auto found = blocks_.find(pointer); found != blocks_.end()) {
            found->second.told_of[stream] = true;
        }
    }
    /// An operation of the current stream's on this memory, at this moment of it.
    void used(const void* pointer, bool write, const Moment& now, const std::string& by) {
        const std::lock_guard lock(mutex_);
        const auto found = blocks_.find(pointer);
        if (found == blocks_.end()) {
            return;
        }
        Block& block = found->second;
        for (std::size_t s = 0; s < streams; ++s) {
            if (block.written[s] > now[s] || (write && block.read[s] > now[s])) {
                const std::lock_guard told(account().mutex);
                account().races.push_back(by + " in stream " + std::to_string(current_stream) + " on what stream " +
                                          std::to_string(s) + " uses");
            }
        }
        (write ? block.written : block.read)[current_stream] = now[current_stream];
    }
    /// Where a kernel finds what the device has at `pointer`.
    [[nodiscard]] std::byte* host(const void* pointer) const {
        return kernels_ + (static_cast<const std::byte*>(pointer) - device_);
    }

 private:
    static constexpr std::size_t capacity = std::size_t{1} << 30;

    Memory() {
        const int file = ::memfd_create("simulated CUDA", MFD_CLOEXEC);
        if (file < 0 || ::ftruncate(file, static_cast<off_t>(capacity)) != 0) {
            throw std::runtime_error("simulated CUDA: no memory");
        }
        void* device = ::mmap(nullptr, capacity, PROT_NONE, MAP_SHARED, file, 0);
        void* kernels = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        if (device == MAP_FAILED || kernels == MAP_FAILED) {
            throw std::runtime_error("simulated CUDA: no memory");
        }
        device_ = static_cast<std::byte*>(device);
        kernels_ = static_cast<std::byte*>(kernels);
    }

    struct Block {
        std::size_t size;
        std::size_t stream;                ///< in which it was allocated
        Moment written{}, read{};          ///< by each stream, when last
        std::array<bool, streams> told_of{};  ///< by record_stream
    };

    std::mutex mutex_;
    std::byte* device_ = nullptr;
    std::byte* kernels_ = nullptr;
    std::size_t used_ = 0;
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::byte*>> free_;
    std::map<const void*, Block> blocks_;
};

/// An operation of the current stream's on these tensors.
inline void uses(const std::string& name, const std::vector<std::pair<at::Tensor, bool>>& tensors) {
    Moment now{};
    {
        const std::lock_guard lock(account().mutex);
        now = Order::all().next();
    }
    for (const auto& [tensor, write] : tensors) {
        Memory::all().used(tensor.storage().data(), write, now, name);
    }
}

struct DeviceAllocator final : c10::DeviceAllocator {
    c10::DataPtr allocate(std::size_t bytes) override {
        void* place = bytes == 0 ? nullptr : Memory::all().allocate(bytes);
        return {place, place, &release, here()};
    }
    [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
    [[nodiscard]] bool initialized() override { return true; }
    void emptyCache(c10::MempoolId_t) override {}
    void recordStream(const c10::DataPtr&, c10::Stream) override {}
    [[nodiscard]] c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override { return {}; }
    void resetAccumulatedStats(c10::DeviceIndex) override {}
    void resetPeakStats(c10::DeviceIndex) override {}
    void copy_data(void* to, const void* from, std::size_t bytes) const override {
        std::memcpy(Memory::all().host(to), Memory::all().host(from), bytes);
    }
    static void release(void* place) {
        if (place != nullptr) {
            Memory::all().release(place);
        }
    }
};
inline DeviceAllocator& device_allocator() {
    static DeviceAllocator allocator;
    return allocator;
}

/// Host memory that is known to be pinned.
struct PinnedAllocator final : c10::Allocator {
    c10::DataPtr allocate(std::size_t bytes) override {
        void* place = c10::alloc_cpu(bytes);
        const std::lock_guard lock(mutex());
        pieces()[static_cast<const std::byte*>(place)] = bytes;
        return {place, place, &release, at::Device(at::kCPU)};
    }
    [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return &release; }
    void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
    static void release(void* place) {
        {
            const std::lock_guard lock(mutex());
            pieces().erase(static_cast<const std::byte*>(place));
        }
        c10::free_cpu(place);
    }
    [[nodiscard]] static bool holds(const void* pointer) {
        const std::lock_guard lock(mutex());
        const auto* place = static_cast<const std::byte*>(pointer);
        auto after = pieces().upper_bound(place);
        if (after == pieces().begin()) {
            return false;
        }
        --after;
        return place < after->first + after->second;
    }

 private:
    static std::mutex& mutex() {
        static std::mutex one;
        return one;
    }
    static std::map<const std::byte*, std::size_t>& pieces() {
        static std::map<const std::byte*, std::size_t> all;
        return all;
    }
};
inline PinnedAllocator& pinned_allocator() {
    static PinnedAllocator allocator;
    return allocator;
}

}  // namespace simulated
