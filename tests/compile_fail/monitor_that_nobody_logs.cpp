// SPDX-License-Identifier: Apache-2.0
// mistake: A misspelt monitor
// lightning: RuntimeError at the first check, after an epoch of training
// expect: lit: this callback's monitor is not in the module's Logs
#include <lit/callbacks/early_stopping.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    using Logs = lit::Logs<"val_loss">;
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
#ifdef LIT_GOOD
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::EarlyStopping<"val_loss">{}};
#else
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{},
                         lit::EarlyStopping<"val_los">{}};
#endif
    trainer.fit(net, batches);
}
