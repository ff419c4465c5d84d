// SPDX-License-Identifier: Apache-2.0
#include <lit/module/nn.hpp>
#include <lit/module/nn/detail/threads.hpp>

#include "module/nn/own_kernels.hpp"
#include "support/doctest.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

namespace nn = lit::nn;
namespace kernels = lit::nn::detail;

/// ATen's number of threads, for as long as it lives.
class Threads {
 public:
    explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    ~Threads() { at::set_num_threads(before_); }

 private:
    int before_;
};

/// The loss, the output, the gradients and the buffers of two steps of a new network of these weights.
template <class Net>
std::vector<at::Tensor> steps(const std::vector<at::Tensor>& weights, const at::Tensor& x,
                              const at::Tensor& target) {
    Net net;
    {
        const at::NoGradGuard no_graph;
        const auto parameters = net->parameters();
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            parameters[i].copy_(weights[i]);
        }
    }
    std::vector<at::Tensor> all;
    for (int i = 0; i < 2; ++i) {
        const auto step = net->template step<nn::CrossEntropy>(x, target);
        all.push_back(step.loss.clone());
        all.push_back(net->output().clone());
        step.backward();
    }
    for (const at::Tensor& parameter : net->parameters()) {
        all.push_back(parameter.grad().clone());
    }
    const auto buffers = net->buffers();
    all.insert(all.end(), buffers.begin(), buffers.end());
    return all;
}
template <class Net>
void same_in_any_number_of_threads(const at::Tensor& x) {
    const at::Tensor target = at::randint(10, {x.size(0)}, at::kLong);
    const std::vector<at::Tensor> weights = Net()->parameters();
    std::vector<at::Tensor> alone;
    {
        const Threads one(1);
        alone = steps<Net>(weights, x, target);
    }
    for (const int count : {2, 3, 7}) {
        CAPTURE(count);
        const Threads several(count);
        const std::vector<at::Tensor> found = steps<Net>(weights, x, target);
        REQUIRE(found.size() == alone.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            CAPTURE(i);
            CHECK(at::equal(found[i], alone[i]));
        }
    }
}

}  // namespace

TEST_SUITE("lit::nn::OwnKernels in threads") {
    TEST_CASE("small work is one part, large work as many as there are threads, and none too small") {
        const Threads four(4);
        CHECK(kernels::parts_of(0) == 1);
        CHECK(kernels::parts_of(500'000) == 1);
        CHECK(kernels::parts_of(800'000) == 3);
        CHECK(kernels::parts_of(100'000'000) == 4);
        const Threads one(1);
        CHECK(kernels::parts_of(100'000'000) == 1);
    }

    TEST_CASE("the parts are the whole, without a gap, and begin at steps") {
        const Threads four(4);
        for (const std::int64_t count : {0, 1, 5, 6, 7, 96, 97, 101}) {
            for (const std::int64_t step : {1, 6, 8}) {
                for (const std::int64_t parts : {1, 2, 3, 4, 9}) {
                    CAPTURE(count);
                    CAPTURE(step);
                    CAPTURE(parts);
                    std::vector<int> done(static_cast<std::size_t>(count));
                    std::vector<int> called(static_cast<std::size_t>(parts));
                    kernels::in_parts(parts, count, step, [&](auto begin, auto end, auto part) {
                        ++called[static_cast<std::size_t>(part)];
                        if (begin % step != 0) {
                            throw std::logic_error("a part that begins between steps");
                        }
                        for (std::int64_t i = begin; i < end; ++i) {
                            ++done[static_cast<std::size_t>(i)];
                        }
                    });
                    CHECK(std::ranges::count(done, 1) == count);
                    CHECK(std::ranges::max(called) <= 1);  // the memory of a part is its own
                }
            }
        }
    }

    TEST_CASE("parts run in ATen's threads at once; from inside of one they run there") {
        const Threads three(3);
        std::vector<std::thread::id> who(3);
        kernels::in_threads(3, [&](std::int64_t part) {
            who[static_cast<std::size_t>(part)] = std::this_thread::get_id();
            kernels::in_threads(2, [&](std::int64_t /*part*/) {
                if (std::this_thread::get_id() != who[static_cast<std::size_t>(part)]) {
                    throw std::logic_error("another thread");
                }
            });
        });
        CHECK(std::set(who.begin(), who.end()).size() == 3);
    }

    TEST_CASE("an exception of a part arrives") {
        const Threads three(3);
        CHECK_THROWS_WITH_AS(kernels::in_threads(3,
                                                 [](std::int64_t part) {
                                                     if (part == 2) {
                                                         throw std::runtime_error("the last one");
                                                     }
                                                 }),
                             "the last one", std::runtime_error);
    }

    TEST_CASE("a network gives the same numbers to the bit, however many threads there are") {
        same_in_any_number_of_threads<
            nn::Sequential<nn::OwnKernels, nn::Linear<300, 130>, nn::ReLU, nn::LayerNorm<130>,
                           nn::Linear<130, 70>, nn::Tanh, nn::BatchNorm1d<70>, nn::Linear<70, 10>>>(
            at::randn({571, 300}));
    }

    TEST_CASE("so does one of pictures") {
        same_in_any_number_of_threads<
            nn::Sequential<nn::OwnKernels, nn::Shape<1, 28, 28>, nn::Conv2d<1, 8, 3, 1, 1>,
                           nn::BatchNorm2d<8>, nn::GELU, nn::MaxPool2d<2>, nn::Conv2d<8, 11, 3, 2, 1>,
                           nn::ReLU, nn::AvgPool2d<2, 1>, nn::Flatten, nn::Linear<11 * 6 * 6, 10>>>(
            at::randn({67, 1, 28, 28}));
    }
}
