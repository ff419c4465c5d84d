// SPDX-License-Identifier: Apache-2.0
// mistake: A callback with a member that is a reference
// lightning: Python has references only
// expect: lit: a component of this Trainer cannot be moved
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

struct Watcher {
#ifdef LIT_GOOD
    int count;
#else
    int& count;
#endif
    void on_train_end(auto& trainer, auto& module);
};
#ifndef LIT_GOOD
int count = 0;
#endif

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{0}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{count}};
#endif
}
