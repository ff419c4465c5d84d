// SPDX-License-Identifier: Apache-2.0
// mistake: A callback without any hook, or with a misspelt one only
// lightning: Never called, nothing is said
// expect: lit: a component of this Trainer is none: it has no hook of Lightning's
// expect: Give it a hook
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

struct Watcher {
#ifdef LIT_GOOD
    void on_train_epoch_end(auto& trainer, auto& module);
#else
    void on_epoch_ended(auto& trainer, auto& module);
#endif
};

int main() { const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}}; }
