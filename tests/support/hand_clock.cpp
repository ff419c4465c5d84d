// SPDX-License-Identifier: Apache-2.0
#include "support/hand_clock.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>

using Clock = std::chrono::steady_clock;

// The linker's names for the clock itself and for what a call of `std::chrono::steady_clock::now()` reaches.
Clock::time_point of_the_system() noexcept asm("__real__ZNSt6chrono3_V212steady_clock3nowEv");
Clock::time_point shown_to_the_program() noexcept asm("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");

namespace {

std::atomic<bool> by_hand = false;
std::atomic<Clock::rep> shown{0};

}  // namespace

Clock::time_point shown_to_the_program() noexcept {
    return by_hand ? Clock::time_point(Clock::duration(shown)) : of_the_system();
}

namespace lit::testing {

HandClock::HandClock() {
    shown = Clock::now().time_since_epoch().count();
    if (by_hand.exchange(true)) {
        throw std::logic_error("HandClock: there is one already, which goes on.");
    }
}
HandClock::~HandClock() { by_hand = false; }
void HandClock::pass(std::chrono::nanoseconds time) {
    if (!by_hand) {
        throw std::logic_error("HandClock::pass: no HandClock lives, so time goes by itself.");
    }
    shown += time.count();
}

}  // namespace lit::testing
