// SPDX-License-Identifier: Apache-2.0
// mistake: `optimizer_zerograd` for `optimizer_zero_grad`
// lightning: Never called, nothing is said
// expect: this module has a member optimizer_zerograd, which is no hook
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <cstdint>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void optimizer_zero_grad(std::int64_t epoch, std::int64_t batch_idx, auto& optimizer) { optimizer.zero_grad(); }
#else
    void optimizer_zerograd(std::int64_t epoch, std::int64_t batch_idx, auto& optimizer) { optimizer.zero_grad(); }
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
