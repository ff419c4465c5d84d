// SPDX-License-Identifier: Apache-2.0
// mistake: configure_gradient_clipping(optimizer, optimizer_idx, ...) of Lightning 1
// lightning: TypeError at the first step
// expect: this module has a member configure_gradient_clipping that cannot be called as
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <optional>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
#ifdef LIT_GOOD
    void configure_gradient_clipping(auto& trainer, auto& optimizer, std::optional<double> value) {
        trainer.clip_gradients(optimizer, value);
    }
#else
    void configure_gradient_clipping(auto& trainer, auto& optimizer, int optimizer_idx, std::optional<double> value) {
        trainer.clip_gradients(optimizer, value);
    }
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
