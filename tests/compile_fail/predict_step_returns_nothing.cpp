// SPDX-License-Identifier: Apache-2.0
// mistake: predict_step without a return
// lightning: A list of None, and a warning
// expect: lit: predict_step has to return the prediction of its batch
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor predict_step(const at::Tensor& batch);
#else
    void predict_step(const at::Tensor& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.predict(net, batches);
}
