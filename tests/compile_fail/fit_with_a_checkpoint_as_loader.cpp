// SPDX-License-Identifier: Apache-2.0
// mistake: The checkpoint's path in the place of the validation loader
// lightning: Validates on the letters of the path
// expect: lit: the third argument of fit is a text, expected validation batches
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(net, batches, {.ckpt_path = "last.ckpt"});
#else
    trainer.fit(net, batches, "last.ckpt");
#endif
}
