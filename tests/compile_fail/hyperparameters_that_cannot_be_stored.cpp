// SPDX-License-Identifier: Apache-2.0
// mistake: Hyperparameters of a type that a checkpoint cannot hold
// lightning: Pickled; the checkpoint may not load elsewhere
// expect: lit: these hyperparameters cannot be stored in a checkpoint
// expect: Keep anything else in the module itself
#include <lit/module/module.hpp>

#include <map>
#include <string>

struct HParams {
    double lr = 0.1;
#ifndef LIT_GOOD
    std::map<std::string, double> weights;
#endif
};

struct Net : lit::Module<Net, HParams> {};

int main() { Net net; }
