// SPDX-License-Identifier: Apache-2.0
#include <lit/core/interrupt.hpp>

#include "support/doctest.hpp"

#include <csignal>

TEST_SUITE("core/interrupt") {
    TEST_CASE("Ctrl+C is noted while it is watched for, unless the program was started with it ignored") {
        for (const bool ignored : {false, true}) {
            CAPTURE(ignored);
            auto* const before = std::signal(SIGINT, ignored ? SIG_IGN : SIG_DFL);
            {
                const lit::SignalWatch watch;
                std::raise(SIGINT);
                CHECK(lit::SignalWatch::interrupted() == !ignored);
            }
            const bool put_back = std::signal(SIGINT, before) == (ignored ? SIG_IGN : SIG_DFL);
            CHECK(put_back);
        }
    }
}
