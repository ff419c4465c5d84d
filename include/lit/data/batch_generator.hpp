// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace lit {
namespace detail {

/// Two numbers into one seed, so that neighbours have nothing in common. Source  splitmix64.
[[nodiscard]] constexpr std::uint64_t mixed_seed(std::uint64_t a, std::uint64_t b) {
    std::uint64_t z = a + 0x9e3779b97f4a7c15ULL * (b + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// Names the batch that this thread gathers while it lives; its generator is made when somebody asks for it.
class BatchGeneratorScope {
 public:
    explicit BatchGeneratorScope(std::uint64_t seed) : seed_(seed), outer_(std::exchange(current(), this)) {}
    BatchGeneratorScope(const BatchGeneratorScope&) = delete;
    BatchGeneratorScope& operator=(const BatchGeneratorScope&) = delete;
    ~BatchGeneratorScope() { current() = outer_; }

    static BatchGeneratorScope*& current() {
        thread_local BatchGeneratorScope* innermost = nullptr;
        return innermost;
    }
    [[nodiscard]] at::Generator generator() {
        if (!generator_) {
            generator_ = at::make_generator<at::CPUGeneratorImpl>(seed_);
        }
        return *generator_;
    }

 private:
    std::uint64_t seed_;
    BatchGeneratorScope* outer_;
    std::optional<at::Generator> generator_;
};

}  // namespace detail

/// The random numbers of the batch that is being gathered, for a dataset that augments: `at::rand({n}, lit::batch_generator(),
/// options)`.
///
/// In a DataLoader each batch has a generator of its own, seeded from the epoch's seed and the batch's number: what it draws
/// is the same for every number of workers, and in a run that goes on from a checkpoint. Elsewhere it is the CPU's default.
/// Cost    a generator is made (microseconds) where one is asked for, once a batch.
[[nodiscard]] inline at::Generator batch_generator() {
    detail::BatchGeneratorScope* scope = detail::BatchGeneratorScope::current();
    return scope != nullptr ? scope->generator() : at::detail::getDefaultCPUGenerator();
}

}  // namespace lit
