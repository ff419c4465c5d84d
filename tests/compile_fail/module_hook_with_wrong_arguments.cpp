// SPDX-License-Identifier: Apache-2.0
// mistake: A module's hook with an argument too much
// lightning: TypeError when the hook is called
// expect: this module has a member on_train_batch_start that cannot be called as on_train_batch_start(batch, batch_idx)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <cstdint>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
#ifdef LIT_GOOD
    void on_train_batch_start(const at::Tensor& batch, std::int64_t batch_idx);
#else
    void on_train_batch_start(const at::Tensor& batch, std::int64_t batch_idx, int epoch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
