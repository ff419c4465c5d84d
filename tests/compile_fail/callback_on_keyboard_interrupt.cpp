// SPDX-License-Identifier: Apache-2.0
// mistake: `on_keyboard_interrupt` in a callback, removed in Lightning 2
// lightning: Never called, nothing is said
// expect: this callback has a member on_keyboard_interrupt, which is no hook. Lightning's name is on_exception
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <exception>

struct Watcher {
    void on_fit_start(auto& trainer, auto& module);
#ifdef LIT_GOOD
    void on_exception(auto& trainer, auto& module, const std::exception& error);
#else
    void on_keyboard_interrupt(auto& trainer, auto& module);
#endif
};

int main() { const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}}; }
