// SPDX-License-Identifier: Apache-2.0
// mistake: A callback's hook with an argument too much
// lightning: TypeError when the hook is called
// expect: this callback has a member on_train_epoch_end that cannot be called as on_train_epoch_end(trainer, module)
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
    void on_train_epoch_end(auto& trainer, auto& module);
#else
    void on_train_epoch_end(auto& trainer, auto& module, int epoch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.fit(net, batches);
}
