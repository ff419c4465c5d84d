// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/interrupt.hpp>

#include <atomic>
#include <csignal>

namespace lit {

LIT_INLINE SignalWatch::SignalWatch() {
    if (depth()++ == 0) {
        noted_interrupt() = 0;
        noted_termination() = 0;
        old_interrupt_ = install(SIGINT);
        old_termination_ = install(SIGTERM);
        installed_ = true;
    }
}

LIT_INLINE SignalWatch::~SignalWatch() {
    --depth();
    if (installed_) {
        ::sigaction(SIGINT, &old_interrupt_, nullptr);
        ::sigaction(SIGTERM, &old_termination_, nullptr);
    }
}

LIT_INLINE void SignalWatch::note(int signal) {
    // Only what a signal handler may do: lock-free stores, and the default action for the next time.
    (signal == SIGINT ? noted_interrupt() : noted_termination()).store(1, std::memory_order_relaxed);
    std::signal(signal, SIG_DFL);
}

LIT_INLINE struct sigaction SignalWatch::install(int signal) {
    struct sigaction action {};
    struct sigaction old {};
    action.sa_handler = &SignalWatch::note;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, &old);
    if ((old.sa_flags & SA_SIGINFO) == 0 && old.sa_handler == SIG_IGN) {
        // A shell that puts a program into the background has it ignore Ctrl+C, which is meant for the one in front.
        ::sigaction(signal, &old, nullptr);
    }
    return old;
}

}  // namespace lit
