// SPDX-License-Identifier: Apache-2.0
// mistake: ReduceLROnPlateau without a monitor
// lightning: MisconfigurationException when fit begins
// expect: lit: this lr_scheduler steps by a metric (ReduceLROnPlateau), and none is named
#include <lit/optim/configuration.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = 0.1}},
#ifdef LIT_GOOD
                                    .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{},
                                                                           .monitor = "val_loss"}};
#else
                                    .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{}}};
#endif
    }
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
