// SPDX-License-Identifier: Apache-2.0
// mistake: predict without a predict_step
// lightning: Calls forward with the whole batch
// expect: lit: predict needs a predict_step. Write auto predict_step(const Batch& batch)
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor predict_step(const at::Tensor& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.predict(net, batches);
}
