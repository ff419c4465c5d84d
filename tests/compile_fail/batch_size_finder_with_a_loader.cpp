// SPDX-License-Identifier: Apache-2.0
// mistake: BatchSizeFinder in a fit that is given a loader, which keeps its batch size
// lightning: MisconfigurationException when fit begins
// expect: lit: BatchSizeFinder needs loaders that can be built anew
// expect: Give a data module
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/tuner.hpp>

#include <vector>

struct Net : lit::Module<Net> {
    std::int64_t batch_size = 1;
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
    std::vector<at::Tensor> train_dataloader();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::BatchSizeFinder<>{}};
#ifdef LIT_GOOD
    trainer.fit(net);
#else
    trainer.fit(net, batches);
#endif
}
