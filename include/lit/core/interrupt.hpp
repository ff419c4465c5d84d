// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>

#include <atomic>
#include <csignal>
#include <string>

namespace lit {

/// A run that was asked to end from outside. Thrown by lit after a signal, at the next batch; may be thrown by any
/// hook to the same effect: `on_exception` hooks run, and `fit` returns `status()` instead of throwing.
class Interrupt : public Error {
 public:
    Interrupt(Status status, const std::string& message) : Error(message), status_(status) {}
    [[nodiscard]] Status status() const { return status_; }

 private:
    Status status_;
};

/// What Ctrl+C does. Source  Python's exception of that name, as Lightning treats it.
class KeyboardInterrupt : public Interrupt {
 public:
    explicit KeyboardInterrupt(const std::string& message = "Interrupted (SIGINT).")
        : Interrupt(Status::interrupted, message) {}
};

/// What SIGTERM does.
class TerminationRequest : public Interrupt {
 public:
    explicit TerminationRequest(const std::string& message = "Terminated (SIGTERM).")
        : Interrupt(Status::terminated, message) {}
};

/// Watches for SIGINT and SIGTERM while it lives; the handlers that were there come back afterwards.
///
/// The first signal is only noted, so that the run ends in order; a second one of the same kind acts as the system
/// does by default. Watches nest: the outermost one installs.
class SignalWatch {
 public:
    SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    ~SignalWatch();

    [[nodiscard]] static bool interrupted() { return noted_interrupt().load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] static bool terminated() { return noted_termination().load(std::memory_order_relaxed) != 0; }

 private:
    static std::atomic<int>& noted_interrupt() {
        static std::atomic<int> noted{0};
        return noted;
    }
    static std::atomic<int>& noted_termination() {
        static std::atomic<int> noted{0};
        return noted;
    }
    static std::atomic<int>& depth() {
        static std::atomic<int> value{0};
        return value;
    }
    static void note(int signal);
    static struct sigaction install(int signal);

    struct sigaction old_interrupt_ {};
    struct sigaction old_termination_ {};
    bool installed_ = false;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/interrupt.hpp>
#endif
