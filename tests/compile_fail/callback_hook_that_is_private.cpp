// SPDX-License-Identifier: Apache-2.0
// mistake: A callback's hook is private
// lightning: Python has no private members
// expect: this callback has a member on_fit_start that cannot be called as on_fit_start(trainer, module)
// expect: make the member public
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

class Watcher {
#ifdef LIT_GOOD
 public:
#endif
    void on_fit_start(auto& trainer, auto& module);
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.fit(net, batches);
}
