// SPDX-License-Identifier: Apache-2.0
// mistake: A callback's batch hook takes another batch than the loader yields
// lightning: AttributeError or TypeError at the first batch
// expect: this callback has a member on_train_batch_end that cannot be called as on_train_batch_end(trainer, module, outputs, batch, batch_idx)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <cstdint>
#include <string>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

struct Watcher {
#ifdef LIT_GOOD
    void on_train_batch_end(auto& trainer, auto& module, const lit::StepOutput& outputs,
                            const at::Tensor& batch);
#else
    void on_train_batch_end(auto& trainer, auto& module, const lit::StepOutput& outputs,
                            const std::string& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.fit(net, batches);
}
