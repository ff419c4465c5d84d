// SPDX-License-Identifier: Apache-2.0
// variant of: log_in_a_hook_that_forbids_it
// expect: lit: log: this hook may not log
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};
struct Beta {
#ifdef LIT_GOOD
    void on_train_epoch_start(auto& trainer, auto& /*module*/) { trainer.template log<"beta">(0.5); }
#else
    void on_fit_start(auto& trainer, auto& /*module*/) { trainer.template log<"beta">(0.5); }
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Beta{}};
    trainer.fit(net, batches);
}
