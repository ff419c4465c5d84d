// SPDX-License-Identifier: Apache-2.0
// mistake: load_from_checkpoint of a module that cannot be built from its hyperparameters
// lightning: TypeError when the checkpoint is loaded
// expect: lit: load_from_checkpoint builds the module from its hyperparameters
#include <lit/checkpoint/load_from_checkpoint.hpp>
#include <lit/module/module.hpp>

struct HParams {
    double lr = 0.1;
};

struct Net : lit::Module<Net, HParams> {
#ifdef LIT_GOOD
    explicit Net(HParams given) : Module(given) {}
#else
    explicit Net(const char* name);
#endif
};

int main() { static_cast<void>(lit::load_from_checkpoint<Net>("best.ckpt")); }
