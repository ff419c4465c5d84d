// SPDX-License-Identifier: Apache-2.0
// A steady step of the trainer allocates as often as the loop written by hand: counted at malloc and its like.
#include "zero_cost/workload.hpp"

#include <lit/module/nn.hpp>

#include "support/doctest.hpp"

#include <ATen/Parallel.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace {

std::int64_t allocations = 0;

}  // namespace

// glibc's own names for what stands behind malloc; the program's definitions come before the library's.
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* block, std::size_t size);             // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT

void* malloc(std::size_t size) {
    ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    ++allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
    ++allocations;
    return __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++allocations;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
    ++allocations;
    *block = __libc_memalign(alignment, size);
    return *block == nullptr ? ENOMEM : 0;
}
}

namespace {

struct Meter {
    static inline std::int64_t counted = 0;
    static void start() { counted = -allocations; }
    static void stop() { counted += allocations; }
};

/// Of one step: what is done once, at the end, falls out.
/// Every kind of layer that has own kernels, but Dropout, for which LibTorch's generator allocates.
struct PictureNet : lit::Module<PictureNet> {
    using Layers =
        lit::nn::Sequential<lit::nn::OwnKernels, lit::nn::Shape<1, 28, 28>, lit::nn::Conv2d<1, 4, 3, 1, 1>,
                            lit::nn::BatchNorm2d<4>, lit::nn::ReLU, lit::nn::MaxPool2d<2>,
                            lit::nn::Conv2d<4, 4, 3, 2, 1>, lit::nn::AvgPool2d<2>, lit::nn::Flatten,
                            lit::nn::Linear<36, 16>, lit::nn::BatchNorm1d<16>, lit::nn::LayerNorm<16>,
                            lit::nn::GELU, lit::nn::Tanh, lit::nn::Sigmoid, lit::nn::Linear<16, 10>>;
    Layers layers = register_module("layers", Layers());
    at::Tensor pictures = at::rand({32, 1, 28, 28});

    auto training_step(const lit::Example& batch, std::int64_t batch_idx) {
        if (batch_idx == zero_cost::warm_up) {
            Meter::start();
        }
        return layers->step<lit::nn::CrossEntropy>(pictures, batch.target);
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

template <class Run>
double per_step(Run&& run) {
    constexpr std::int64_t few = 120;
    constexpr std::int64_t many = 620;
    run(zero_cost::batches(few));
    const std::int64_t of_few = Meter::counted;
    run(zero_cost::batches(many));
    return static_cast<double>(Meter::counted - of_few) / static_cast<double>(many - few);
}

}  // namespace

TEST_SUITE("zero_cost/allocations") {
    TEST_CASE(
        "a step of the trainer allocates as often as the loop written by hand, with 32 idle callbacks too") {
        at::set_num_threads(1);
        torch::manual_seed(0);
        const double by_hand = per_step([](const auto& data) { zero_cost::by_hand<Meter>(data); });
        const double by_trainer = per_step([](const auto& data) {
            zero_cost::by_trainer_with_idle<Meter>(data, std::make_integer_sequence<int, 0>{});
        });
        const double with_idle = per_step([](const auto& data) {
            zero_cost::by_trainer_with_idle<Meter>(data, std::make_integer_sequence<int, 32>{});
        });
        const double by_engine =
            per_step([](const auto& data) { zero_cost::by_hand<Meter, zero_cost::Engine>(data); });
        MESSAGE("allocations per step: " << by_hand << " by hand, " << by_engine
                                         << " with LibTorch's engine, " << by_trainer << " by the trainer");
        CHECK(by_hand > 1.0);
        CHECK(by_trainer == by_hand);
        CHECK(with_idle == by_hand);
        CHECK(by_hand < by_engine);
    }

    TEST_CASE(
        "a step of a static network allocates nothing but what ATen's kernels do inside, one with its own "
        "kernels nothing") {
        at::set_num_threads(1);
        torch::manual_seed(0);
        const double by_hand = per_step([](const auto& data) { zero_cost::by_hand<Meter>(data); });
        const double by_static = per_step(
            [](const auto& data) { zero_cost::by_trainer<Meter, zero_cost::StaticNet<Meter>>(data); });
        const auto by_own = [] {
            return per_step([](const auto& data) {
                zero_cost::by_trainer<Meter, zero_cost::StaticNet<Meter, lit::nn::OwnKernels>>(data);
            });
        };
        const auto of_pictures = [] {
            return per_step([](const auto& data) { zero_cost::by_trainer<Meter, PictureNet>(data); });
        };
        const double by_own_alone = by_own();
        MESSAGE("allocations per step: " << by_hand << " by hand with autograd, " << by_static
                                         << " of a static network, " << by_own_alone << " with its own kernels");
        CHECK(by_static * 5 <= by_hand);
        CHECK(by_own_alone == 0.0);
        CHECK(of_pictures() == 0.0);
        at::set_num_threads(2);
        CHECK(by_own() == 0.0);
        CHECK(of_pictures() == 0.0);
    }
}
