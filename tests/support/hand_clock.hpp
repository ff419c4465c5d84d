// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace lit::testing {

/// While one lives, `std::chrono::steady_clock` stands still for the code of the program under test (LibTorch's and the
/// standard library's own go on) and moves by what `pass` lets go by: tests of durations depend on no machine's load.
///
/// The linker hands the clock over (`--wrap`, see lit_doctest_main). For one at a time; waits of the system still
/// take real time.
class HandClock {
 public:
    HandClock();
    ~HandClock();
    HandClock(const HandClock&) = delete;
    HandClock& operator=(const HandClock&) = delete;

    static void pass(std::chrono::nanoseconds time);
};

}  // namespace lit::testing
