// SPDX-License-Identifier: Apache-2.0
// mistake: `on_step` in a hook of the epoch
// lightning: MisconfigurationException when the hook is called
// expect: only on_epoch
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    void on_train_epoch_end() { log<"epochs", lit::LogOptions{.prog_bar = true}>(1.0); }
#else
    void on_train_epoch_end() { log<"epochs", lit::LogOptions{.on_step = true}>(1.0); }
#endif
};

int main() {
    Net net;
    net.on_train_epoch_end();
}
