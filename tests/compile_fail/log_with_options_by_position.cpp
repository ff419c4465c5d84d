// SPDX-License-Identifier: Apache-2.0
// mistake: `log("loss", loss, True)`: the third argument is prog_bar there
// lightning: This is how it may be written there
// expect: lit: log takes its options by name
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    void training_step() {
#ifdef LIT_GOOD
        log<"loss">(0.25, {.prog_bar = true});
#else
        log<"loss">(0.25, true);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
