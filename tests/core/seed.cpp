// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/interrupt.hpp>
#include <lit/core/seed.hpp>

#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>

#include <csignal>
#include <cstdlib>

namespace {

struct Variable {  // PL_GLOBAL_SEED as it was, afterwards
    Variable() : old(std::getenv("PL_GLOBAL_SEED") != nullptr ? std::getenv("PL_GLOBAL_SEED") : "") {}
    ~Variable() { old.empty() ? ::unsetenv("PL_GLOBAL_SEED") : ::setenv("PL_GLOBAL_SEED", old.c_str(), 1); }
    std::string old;
};

int handled = 0;

}  // namespace

TEST_SUITE("core/seed") {
    TEST_CASE("the same seed gives the same numbers, and is handed on in the environment") {
        const Variable restore;
        CHECK(lit::seed_everything(7) == 7);
        const at::Tensor first = at::rand({4});
        lit::seed_everything(7);
        CHECK(at::equal(first, at::rand({4})));
        CHECK(lit::global_seed() == 7);
        // Python: torch.manual_seed(7); torch.rand(1).item() == 0.5349225401878357 (torch 2.11.0).
        lit::seed_everything(7);
        CHECK(at::rand({1}).item<float>() == 0.5349225401878357F);
    }
    TEST_CASE("without a seed the variable counts, and 0 without one") {
        const Variable restore;
        ::setenv("PL_GLOBAL_SEED", "11", 1);
        CHECK(lit::seed_everything() == 11);
        ::unsetenv("PL_GLOBAL_SEED");
        CHECK(lit::seed_everything() == 0);
    }
    TEST_CASE("a seed that is none is refused") {
        const Variable restore;
        ::setenv("PL_GLOBAL_SEED", "many", 1);
        CHECK_THROWS_WITH_AS(lit::seed_everything(), doctest::Contains("PL_GLOBAL_SEED is \"many\""), lit::ConfigError);
        CHECK_THROWS_AS(lit::seed_everything(std::uint64_t{1} << 40), lit::ConfigError);
    }
}

TEST_SUITE("core/interrupt") {
    TEST_CASE("a first signal is noted, and the handlers of before come back") {
        struct sigaction mine {};
        struct sigaction old {};
        mine.sa_handler = [](int) { ++handled; };
        ::sigaction(SIGTERM, &mine, &old);
        {
            const lit::SignalWatch watch;
            const lit::SignalWatch nested;
            CHECK(!lit::SignalWatch::terminated());
            std::raise(SIGTERM);
            CHECK(lit::SignalWatch::terminated());
            CHECK(!lit::SignalWatch::interrupted());
        }
        CHECK(handled == 0);
        std::raise(SIGTERM);
        CHECK(handled == 1);
        ::sigaction(SIGTERM, &old, nullptr);
    }
}
