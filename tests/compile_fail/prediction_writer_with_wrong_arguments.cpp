// SPDX-License-Identifier: Apache-2.0
// mistake: write_on_batch_end of a prediction writer without the indices of the samples
// lightning: TypeError at the first batch
// expect: lit: this prediction writer has a member write_on_batch_end that cannot be called as
#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <cstdio>
#include <vector>

struct Net : lit::Module<Net> {
    torch::nn::Linear out = register_module("out", torch::nn::Linear(4, 2));

    at::Tensor predict_step(const at::Tensor& batch) { return out(batch).argmax(1); }
};

struct Printer : lit::BasePredictionWriter<Printer> {
#ifdef LIT_GOOD
    void write_on_batch_end(auto& /*trainer*/, auto& /*module*/, const at::Tensor& prediction,
                            const std::vector<std::int64_t>& indices) {
#else
    void write_on_batch_end(auto& /*trainer*/, auto& /*module*/, const at::Tensor& prediction,
                            const at::Tensor& batch) {
        const std::vector<std::int64_t> indices(static_cast<std::size_t>(batch.size(0)));
#endif
        std::printf("%zu samples: %s\n", indices.size(), prediction.toString().c_str());
    }
};

int main() {
    std::vector<at::Tensor> batches(8, at::ones({4, 4}));
    Net net;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Printer{}};
    trainer.predict(net, batches);
}
