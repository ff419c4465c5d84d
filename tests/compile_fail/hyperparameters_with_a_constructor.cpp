// SPDX-License-Identifier: Apache-2.0
// mistake: Hyperparameters that are no plain struct
// lightning: Whatever the constructor takes is saved
// expect: lit: the hyperparameters of a module have to be an aggregate
#include <lit/module/module.hpp>

struct HParams {
#ifndef LIT_GOOD
    HParams() {}
#endif
    double lr = 0.1;
};

struct Net : lit::Module<Net, HParams> {};

int main() { Net net; }
