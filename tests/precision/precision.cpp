// SPDX-License-Identifier: Apache-2.0
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>

#include <torch/nn/functional/linear.h>

#include "support/doctest.hpp"

#include <stdexcept>

static_assert(lit::PrecisionPolicy<lit::Fp32> && lit::PrecisionPolicy<lit::Bf16Mixed>);
static_assert(!lit::PrecisionPolicy<int>);

namespace {

struct Counting : lit::NullOptimizer {
    int* steps;
    void step() const { ++*steps; }
};

}  // namespace

TEST_SUITE("precision/precision") {
    TEST_CASE("neither scales the loss, and both step once") {
        int steps = 0;
        Counting optimizer{{}, &steps};
        const auto loss = torch::tensor(2.0F);
        CHECK(lit::Fp32{}.scale(loss).is_same(loss));
        CHECK(lit::Bf16Mixed{}.scale(loss).is_same(loss));
        CHECK(lit::Fp32{}.step(optimizer));
        CHECK(lit::Bf16Mixed{}.step(optimizer));
        CHECK(steps == 2);
    }
    TEST_CASE("Bf16Mixed computes matrix products in bfloat16 and leaves gradients in float") {
        const auto x = torch::randn({4, 3});
        auto w = torch::randn({2, 3}).requires_grad_();
        torch::Tensor y;
        {
            const auto scope = lit::Bf16Mixed::forward_scope(at::kCPU);
            y = torch::nn::functional::linear(x, w);
        }
        CHECK((y.scalar_type() == at::kBFloat16));
        y.to(torch::kFloat).sum().backward();
        CHECK((w.grad().scalar_type() == at::kFloat));
        const auto plain = lit::Fp32::forward_scope(at::kCPU);
        CHECK((torch::nn::functional::linear(x, w).scalar_type() == at::kFloat));
    }
    TEST_CASE("autocast is put back as it was, also after an exception, and nests") {
        const bool before = at::autocast::is_autocast_enabled(at::kCPU);
        try {
            const lit::AutocastScope outer(at::kCPU, at::kBFloat16);
            {
                const lit::AutocastScope inner(at::kCPU, at::kHalf);
                CHECK((at::autocast::get_autocast_dtype(at::kCPU) == at::kHalf));
            }
            CHECK((at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16));
            CHECK(at::autocast::is_autocast_enabled(at::kCPU));
            throw std::runtime_error("in a step");
        } catch (const std::runtime_error&) {
            CHECK(at::autocast::is_autocast_enabled(at::kCPU) == before);
        }
    }
}
