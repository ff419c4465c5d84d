// SPDX-License-Identifier: Apache-2.0
// mistake: A callback's on_train_batch_start returns something
// lightning: The answer is not heard, nothing is said
// expect: lit: on_train_batch_start of a callback returns something, and only the module's answer is heard
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
    void on_train_batch_start(auto& trainer, auto& module);
#else
    lit::Next on_train_batch_start(auto& trainer, auto& module);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.fit(net, batches);
}
