// SPDX-License-Identifier: Apache-2.0
// mistake: test without a test_step
// lightning: MisconfigurationException when the run begins
// expect: lit: test needs a test_step. Write void test_step(const Batch& batch)
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    void test_step(const at::Tensor& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.test(net, batches);
}
