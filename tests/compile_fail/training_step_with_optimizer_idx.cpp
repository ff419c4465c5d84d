// SPDX-License-Identifier: Apache-2.0
// mistake: training_step(batch, batch_idx, optimizer_idx) of Lightning 1
// lightning: RuntimeError when fit begins
// expect: lit: training_step takes no optimizer_idx: Lightning 2 removed it
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <cstdint>
#include <vector>

struct Net : lit::Module<Net> {
#ifdef LIT_GOOD
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx);
#else
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx, std::int64_t optimizer_idx);
#endif
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
