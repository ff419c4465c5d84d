// SPDX-License-Identifier: Apache-2.0
// mistake: log under a misspelt name
// lightning: Logged under that name; a monitor of the right one fails later
// expect: lit: log: this name is not in the module's Logs
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    using Logs = lit::Logs<"train_loss">;
    void training_step() {
#ifdef LIT_GOOD
        log<"train_loss">(1.0);
#else
        log<"trian_loss">(1.0);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
