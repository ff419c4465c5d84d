// SPDX-License-Identifier: Apache-2.0
// mistake: The dataset in place of a loader
// lightning: Takes every single sample for a batch
// expect: lit: a dataset was given where batches are expected
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const lit::Example& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    const lit::TensorDataset dataset{at::Tensor{}, at::Tensor{}};
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#ifdef LIT_GOOD
    trainer.fit(net, lit::DataLoader{dataset, {.batch_size = 32}});
#else
    trainer.fit(net, dataset);
#endif
}
