// SPDX-License-Identifier: Apache-2.0
// mistake: Tuner::scale_batch_size with a trainer that searches by itself already
// lightning: ValueError when scale_batch_size is called
// expect: lit: this trainer already has a BatchSizeFinder
// expect: Remove it
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
#ifdef LIT_GOOD
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::BatchSizeFinder<>{}};
#endif
    lit::Tuner{trainer}.scale_batch_size(net);
}
