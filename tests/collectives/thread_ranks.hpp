// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/process_group.hpp>
#include <lit/core/error.hpp>

#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

namespace lit::testing {

/// Runs `f(collective)` on `world_size` threads, the ranks of one group. What a rank throws is in its place of the
/// result; a rank that throws leaves the group, which the others hear of.
template <class F>
std::vector<std::exception_ptr> run_thread_ranks(std::int64_t world_size, F&& f,
                                                 ProcessGroupOptions options = {}) {
    // LibTorch's flight recorder keeps one table per process without a lock: for one rank per process it is enough, for
    // several it is a race that ends in a crash. It reads the variable when the first operation is recorded.
    ::setenv("TORCH_FR_BUFFER_SIZE", "0", 1);
    const auto store = c10::make_intrusive<c10d::HashStore>();
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(world_size));
    std::vector<std::thread> threads;
    for (std::int64_t rank = 0; rank < world_size; ++rank) {
        threads.emplace_back([&, rank] {
            try {
                ProcessGroupCollective collective(store, rank, world_size, options);
                f(collective);
            } catch (...) {
                errors[static_cast<std::size_t>(rank)] = std::current_exception();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    return errors;
}

inline void rethrow_first(const std::vector<std::exception_ptr>& errors) {
    for (const std::exception_ptr& error : errors) {
        if (error) {
            std::rethrow_exception(error);
        }
    }
}

/// What a rank's DistributedError says.
inline std::string message_of(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const DistributedError& distributed) {
        return distributed.what();
    } catch (const std::exception& other) {
        return std::string("no DistributedError: ") + other.what();
    }
    return "nothing";
}
inline bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace lit::testing
