// SPDX-License-Identifier: Apache-2.0
// mistake: `on_predict_epoch_end(trainer, module, results)` of Lightning 1
// lightning: TypeError at the end of the prediction
// expect: this callback has a member on_predict_epoch_end that cannot be called as on_predict_epoch_end(trainer, module)
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor predict_step(const at::Tensor& batch);
};

struct Watcher {
#ifdef LIT_GOOD
    void on_predict_epoch_end(auto& trainer, auto& module);
#else
    void on_predict_epoch_end(auto& trainer, auto& module, int epoch);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Watcher{}};
    trainer.predict(net, batches);
}
