// SPDX-License-Identifier: Apache-2.0
// mistake: log of a text
// lightning: ValueError at the first batch
// expect: lit: log takes a number or a tensor of one element
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    void training_step() {
#ifdef LIT_GOOD
        log<"loss">(0.25);
#else
        log<"loss">("0.25");
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
