// SPDX-License-Identifier: Apache-2.0
// mistake: predict with a data module that has no predict_dataloader
// lightning: MisconfigurationException when the run begins
// expect: lit: predict needs batches
#include <lit/data/data_module.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor predict_step(const at::Tensor& batch);
};

struct Data : lit::DataModule<Data> {
    std::vector<at::Tensor> train_dataloader();
#ifdef LIT_GOOD
    std::vector<at::Tensor> predict_dataloader();
#endif
};

int main() {
    Net net;
    Data data;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.predict(net, data);
}
