// SPDX-License-Identifier: Apache-2.0
// mistake: optimizer_step with other arguments than Lightning's
// lightning: TypeError at the first step
// expect: this module has a member optimizer_step that cannot be called as optimizer_step(epoch, batch_idx, optimizer, closure)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <cstdint>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
#ifdef LIT_GOOD
    void optimizer_step(std::int64_t epoch, std::int64_t batch_idx, auto& optimizer, auto& closure) {
        optimizer.step(closure);
    }
#else
    void optimizer_step(lit::SGD& optimizer);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
