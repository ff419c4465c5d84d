// SPDX-License-Identifier: Apache-2.0
// mistake: `struct Critic : lit::Module<Actor>`, copied from the class above
// lightning: No brackets there
// expect: lit: this module derives from the lit::Module of another class
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

struct Actor : lit::Module<Actor> {};

#ifdef LIT_GOOD
struct Critic : lit::Module<Critic> {
#else
struct Critic : lit::Module<Actor> {
#endif
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Critic net;
    std::vector<at::Tensor> batches;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
    trainer.fit(net, batches);
}
