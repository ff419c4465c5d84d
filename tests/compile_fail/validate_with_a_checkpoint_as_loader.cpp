// SPDX-License-Identifier: Apache-2.0
// mistake: A path in the place of the data
// lightning: Takes the letters of the path for batches
// expect: lit: a text was given where batches are expected
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    void validation_step(const at::Tensor& batch);
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.validate(net, batches, {.ckpt_path = "last.ckpt"});
#else
    trainer.validate(net, "last.ckpt");
#endif
}
