// SPDX-License-Identifier: Apache-2.0
#include <lit/strategies/single_device.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

namespace {

static_assert(lit::StrategyPolicy<lit::SingleDevice>);
static_assert(!std::is_polymorphic_v<lit::SingleDevice>);
static_assert(!lit::StrategyPolicy<lit::Fp32> && !lit::StrategyPolicy<int>);

}  // namespace

TEST_SUITE("strategies/single_device") {
    TEST_CASE("the CPU is taken where it is asked for, and where there is nothing else") {
        lit::SingleDevice cpu{{.accelerator = lit::Accelerator::cpu}};
        cpu.setup_environment();
        CHECK(cpu.device().is_cpu());
        CHECK(cpu.collective().world_size() == 1);
        CHECK(cpu.collective().rank() == 0);
        lit::SingleDevice automatic;
        automatic.setup_environment();
        CHECK(automatic.device().is_cuda() == (torch::cuda::device_count() > 0));
    }

    TEST_CASE("a CUDA device that is not there is refused with its number and how many there are") {
        const auto count = static_cast<std::int64_t>(torch::cuda::device_count());
        lit::SingleDevice missing{{.accelerator = lit::Accelerator::cuda, .index = count}};
        CHECK_THROWS_WITH_AS(missing.setup_environment(),
                             doctest::Contains(("found " + std::to_string(count)).c_str()), lit::ConfigError);
        lit::SingleDevice negative{{.accelerator = lit::Accelerator::cuda, .index = -1}};
        CHECK_THROWS_AS(negative.setup_environment(), lit::ConfigError);
        probe::Line module;
        auto train = probe::batches(1);
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cuda, .index = count}},
                             lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}};
        CHECK_THROWS_AS(trainer.fit(module, train), lit::ConfigError);
        CHECK(module.value() == 1.0F);
    }

    TEST_CASE("after a run the module is on the CPU again") {
        probe::Line module;
        auto train = probe::batches(1);
        lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}};
        trainer.fit(module, train);
        CHECK(module.weight.is_cpu());
        CHECK(module.value() == 0.0F);
    }
}
