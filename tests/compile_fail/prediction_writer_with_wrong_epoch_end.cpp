// SPDX-License-Identifier: Apache-2.0
// mistake: write_on_epoch_end of a prediction writer with a flat list of predictions, as of one loader in Lightning
// lightning: This is how it is with one loader; with several a list per loader
// expect: lit: this prediction writer has a member write_on_epoch_end that cannot be called as
#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/modules/linear.h>

#include <cstdio>
#include <vector>

struct Net : lit::Module<Net> {
    torch::nn::Linear out = register_module("out", torch::nn::Linear(4, 2));

    at::Tensor predict_step(const at::Tensor& batch) { return out(batch).argmax(1); }
};

struct Counts : lit::BasePredictionWriter<Counts> {
    Counts() : BasePredictionWriter(lit::WriteInterval::epoch) {}

#ifdef LIT_GOOD
    void write_on_epoch_end(auto& /*trainer*/, auto& /*module*/, const std::vector<std::vector<at::Tensor>>& loaders) {
        const std::vector<at::Tensor>& predictions = loaders.front();
#else
    void write_on_epoch_end(auto& /*trainer*/, auto& /*module*/, const std::vector<at::Tensor>& predictions) {
#endif
        const at::Tensor all = at::cat(predictions);
        std::printf("%lld of %lld\n", all.sum().item<long long>(), static_cast<long long>(all.numel()));
    }
};

int main() {
    std::vector<at::Tensor> batches(8, at::ones({4, 4}));
    Net net;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Counts{}};
    trainer.predict(net, batches);
}
