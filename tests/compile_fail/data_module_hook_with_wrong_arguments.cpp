// SPDX-License-Identifier: Apache-2.0
// mistake: `setup(stage)` of a data module with another argument
// lightning: TypeError when fit begins
// expect: this data module has a member setup that cannot be called as setup(lit::Stage)
#include <lit/data/data_module.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <string>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

struct Data : lit::DataModule<Data> {
    std::vector<at::Tensor> train_dataloader();
#ifdef LIT_GOOD
    void setup(lit::Stage stage);
#else
    void setup(const std::string& stage);
#endif
};

int main() {
    Net net;
    Data data;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, data);
}
