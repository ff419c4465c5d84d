// SPDX-License-Identifier: Apache-2.0
// mistake: `self.save_hyperparameters()` in the constructor
// lightning: This is how it is written there
// expect: lit: hyperparameters are saved without being asked for
#include <lit/module/module.hpp>

struct HParams {
    double lr = 0.1;
};

struct Net : lit::Module<Net, HParams> {
    explicit Net(HParams given = {}) : Module(given) {
#ifndef LIT_GOOD
        save_hyperparameters();
#endif
    }
};

int main() { Net net; }
