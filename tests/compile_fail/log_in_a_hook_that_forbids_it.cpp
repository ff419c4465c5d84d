// SPDX-License-Identifier: Apache-2.0
// mistake: log in a hook that forbids it
// lightning: MisconfigurationException when the hook is called
// expect: lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    void on_train_epoch_end() { log<"epochs">(1.0); }
#else
    void on_validation_end() { log<"epochs">(1.0); }
#endif
};

int main() {
    Net net;
#ifdef LIT_GOOD
    net.on_train_epoch_end();
#else
    net.on_validation_end();
#endif
}
