// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>

#include "loops/probe.hpp"

#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

/// The gradient that each step of the optimizer is made with.
struct Gradients {
    std::vector<float>* seen;
    void on_before_optimizer_step(auto&, auto& module, auto&) {
        seen->push_back(module.weight.grad().template item<float>());
    }
};

}  // namespace

static_assert(lit::CallbackPolicy<lit::GradientAccumulation>);
static_assert(!std::is_polymorphic_v<lit::GradientAccumulation>);
static_assert(sizeof(lit::GradientAccumulation) == sizeof(lit::GradientAccumulationOptions));

TEST_SUITE("callbacks/gradient_accumulation") {
    TEST_CASE("a number below 1 is refused where it is given") {
        CHECK(lit::GradientAccumulation{4}.accumulate_grad_batches() == 4);
        CHECK(lit::GradientAccumulation{1}.accumulate_grad_batches() == 1);
        CHECK_FALSE(lit::GradientAccumulation{4}.divides_by_real_size());
        CHECK_THROWS_WITH_AS(lit::GradientAccumulation{0},
                             "GradientAccumulation: found 0, expected 1 or more batches.", lit::ConfigError);
    }
    TEST_CASE("a short last window can be the mean over the batches that it has") {
        // Means of 1, 2 | 3, 4 | 5: gradients 1.5, 3.5 and 5, where Lightning's last one is 2.5.
        const auto trained = [](bool real, std::vector<float>& seen) {
            probe::Line module;
            auto train = probe::batches(5);
            auto trainer = probe::trainer({.max_epochs = 1},
                                          lit::GradientAccumulation{{.batches = 2, .divide_by_real_size = real}},
                                          Gradients{&seen});
            trainer.fit(module, train);
            return module.value();
        };
        std::vector<float> seen;
        CHECK(trained(false, seen) == 1.0F - 1.5F - 3.5F - 2.5F);
        CHECK(seen == std::vector<float>{1.5F, 3.5F, 2.5F});
        seen.clear();
        CHECK(trained(true, seen) == 1.0F - 1.5F - 3.5F - 5.0F);
        CHECK(seen == std::vector<float>{1.5F, 3.5F, 5.0F});
    }
}
