// SPDX-License-Identifier: Apache-2.0
// mistake: A data module in the place of the validation loader
// lightning: Nothing is validated, and a warning
// expect: lit: fit(module, train, val) takes two loaders
#include <lit/data/data_module.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

struct Data : lit::DataModule<Data> {
    std::vector<at::Tensor> train_dataloader();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    Data data;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(net, data);
#else
    trainer.fit(net, batches, data);
#endif
}
