// SPDX-License-Identifier: Apache-2.0
// mistake: A module's hook is private
// lightning: Python has no private members
// expect: this module has a member on_train_start that cannot be called as on_train_start()
// expect: make the member public
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
#ifndef LIT_GOOD
 private:
#endif
    void on_train_start();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
