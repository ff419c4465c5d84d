// SPDX-License-Identifier: Apache-2.0
// mistake: `on_before_optimizer_step(..., optimizer_idx)` of Lightning 1 in a callback
// lightning: TypeError at the first step
// expect: this callback has a member on_before_optimizer_step that cannot be called as on_before_optimizer_step(trainer, module, optimizer)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

struct Watcher {
#ifdef LIT_GOOD
    void on_before_optimizer_step(auto& trainer, auto& module, auto& optimizer);
#else
    void on_before_optimizer_step(auto& trainer, auto& module, auto& optimizer, int index);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.fit(net, batches);
}
