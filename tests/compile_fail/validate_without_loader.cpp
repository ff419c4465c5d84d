// SPDX-License-Identifier: Apache-2.0
// mistake: validate with a data module that has no val_dataloader
// lightning: MisconfigurationException when the run begins
// expect: lit: validate and test need batches
#include <lit/data/data_module.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    void validation_step(const at::Tensor& batch);
};

struct Data : lit::DataModule<Data> {
    std::vector<at::Tensor> train_dataloader();
#ifdef LIT_GOOD
    std::vector<at::Tensor> val_dataloader();
#endif
};

int main() {
    Net net;
    Data data;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.validate(net, data);
}
