// SPDX-License-Identifier: Apache-2.0
// mistake: predict_step takes another batch than the loader yields
// lightning: AttributeError or TypeError at the first batch
// expect: this module has a member predict_step that cannot be called as predict_step(batch, batch_idx, dataloader_idx)
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor predict_step(const at::Tensor& batch);
#else
    at::Tensor predict_step(const std::vector<at::Tensor>& batch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.predict(net, batches);
}
