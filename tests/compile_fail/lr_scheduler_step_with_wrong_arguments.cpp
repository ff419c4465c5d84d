// SPDX-License-Identifier: Apache-2.0
// mistake: `lr_scheduler_step(scheduler, optimizer_idx, metric)` of Lightning 1
// lightning: TypeError at the first step of the scheduler
// expect: this module has a member lr_scheduler_step that cannot be called as lr_scheduler_step(scheduler, std::optional<double> metric)
#include <lit/optim/configuration.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <optional>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void lr_scheduler_step(auto& scheduler, std::optional<double> metric) { scheduler.step(metric); }
#else
    void lr_scheduler_step(auto& scheduler, int optimizer_idx, std::optional<double> metric) { scheduler.step(metric); }
#endif
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = 0.1}}, .lr_scheduler = lit::LinearLR{}};
    }
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
