// SPDX-License-Identifier: Apache-2.0
// mistake: lr_find is told to set a member of a class that is not there
// lightning: AttributeError when the search begins
// expect: lit: the member that was named for the tuner
// expect: Give a pointer to a member of one of these
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/tuner.hpp>

#include <vector>

struct Other {
    double lr = 0.1;
};
struct Net : lit::Module<Net> {
    double rate = 0.1;
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    lit::Tuner{trainer}.lr_find<&Net::rate>(net, batches);
#else
    lit::Tuner{trainer}.lr_find<&Other::lr>(net, batches);
#endif
}
