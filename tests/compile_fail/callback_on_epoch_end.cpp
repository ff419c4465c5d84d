// SPDX-License-Identifier: Apache-2.0
// mistake: `on_epoch_end` in a callback, removed in Lightning 2
// lightning: Never called, nothing is said
// expect: this callback has a member on_epoch_end, which is no hook. Lightning's name is on_train_epoch_end
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

struct Watcher {
    void on_fit_start(auto& trainer, auto& module);
#ifdef LIT_GOOD
    void on_train_epoch_end(auto& trainer, auto& module);
#else
    void on_epoch_end(auto& trainer, auto& module);
#endif
};

int main() { const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}}; }
