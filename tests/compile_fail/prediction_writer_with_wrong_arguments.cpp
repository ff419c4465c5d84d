// SPDX-License-Identifier: Apache-2.0
// mistake: A prediction writer takes another prediction than the step returns
// lightning: An error when the first batch is written
// expect: lit: this prediction writer has a member write_on_batch_end that cannot be called as write_on_batch_end(trainer, module, prediction, batch_indices, batch, batch_idx, dataloader_idx)
#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <string>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor predict_step(const at::Tensor& batch);
};

struct Writer : lit::BasePredictionWriter<Writer> {
#ifdef LIT_GOOD
    void write_on_batch_end(auto& trainer, auto& module, const at::Tensor& prediction);
#else
    void write_on_batch_end(auto& trainer, auto& module, const std::string& prediction);
#endif
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Writer{}};
    trainer.predict(net, batches);
}
