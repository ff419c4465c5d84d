// SPDX-License-Identifier: Apache-2.0
// mistake: `val_dataloaders` for `val_dataloader` in a data module
// lightning: Nothing is validated, nothing is said
// expect: this data module has a member val_dataloaders, which is no hook. Lightning's name is val_dataloader
#include <lit/data/data_module.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    void validation_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

struct Data : lit::DataModule<Data> {
    std::vector<at::Tensor> train_dataloader();
#ifdef LIT_GOOD
    std::vector<at::Tensor> val_dataloader();
#else
    std::vector<at::Tensor> val_dataloaders();
#endif
};

int main() {
    Net net;
    Data data;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, data);
}
