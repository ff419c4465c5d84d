// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/rng_state.hpp>

#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>

TEST_SUITE("core/rng_state") {
    TEST_CASE("the generator's state can be saved and put back, and isolation leaves no trace") {
        lit::set_rng_state(lit::get_rng_state());
        CHECK(lit::get_rng_state().numel() == 5056);
        const at::Tensor state = lit::get_rng_state();
        const at::Tensor drawn = at::rand({3});
        lit::set_rng_state(state);
        {
            const lit::RngIsolation isolation;
            at::rand({100});
        }
        CHECK(at::equal(drawn, at::rand({3})));
    }
    TEST_CASE("the states of a run are the CPU's alone where it computes there") {
        const lit::RngStates states = lit::RngStates::now(at::kCPU);
        CHECK(states.defined());
        CHECK(!states.device.defined());
        const at::Tensor drawn = at::rand({3});
        lit::RngStates().restore(at::kCPU);  // of no moment: nothing is changed
        CHECK(!at::equal(drawn, at::rand({3})));
        states.restore(at::kCPU);
        CHECK(at::equal(drawn, at::rand({3})));
    }
}
