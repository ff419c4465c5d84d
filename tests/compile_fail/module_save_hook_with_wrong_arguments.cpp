// SPDX-License-Identifier: Apache-2.0
// mistake: on_save_checkpoint takes a path
// lightning: The dict is taken for the path, an error at the first checkpoint
// expect: this module has a member on_save_checkpoint that cannot be called as on_save_checkpoint(lit::Dict& checkpoint)
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <string>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
#ifdef LIT_GOOD
    void on_save_checkpoint(lit::Dict& checkpoint);
#else
    void on_save_checkpoint(const std::string& path);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
