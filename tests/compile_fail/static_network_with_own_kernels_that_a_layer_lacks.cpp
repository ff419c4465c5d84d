// SPDX-License-Identifier: Apache-2.0
// mistake: Own kernels for a layer of a static network that has none
// lightning: no such thing
// expect: lit: a layer of this lit::nn::Sequential has no kernels of its own
#include <lit/data/dataset.hpp>
#include <lit/module/nn/layer.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <vector>

/// x + x.
struct Doubled {
    template <class Input>
    using output = Input;

    template <class Input>
    struct State {
        static constexpr bool gives_away = true;

        explicit State(torch::nn::Module& /*owner*/) {}
        static at::Tensor forward(const at::Tensor& x) { return x + x; }
        at::Tensor& run(const at::Tensor& x) { return y = x + x; }
        static void back(const at::Tensor& /*x*/, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            *dx = dy + dy;
        }
        at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx; }

        at::Tensor y, dx;
    };
};

struct Digits : lit::Module<Digits> {
    using Net = lit::nn::Sequential<
#ifndef LIT_GOOD
        lit::nn::OwnKernels,
#endif
        lit::nn::Linear<784, 64>, Doubled, lit::nn::Linear<64, 10>>;
    Net net = register_module("net", Net());

    auto training_step(const lit::Example& batch) {
        auto step = net->step<lit::nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss);
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

int main() {
    std::vector<lit::Example> batches(20,
                                      lit::Example{at::rand({64, 784}), at::randint(10, {64}, at::kLong)});
    Digits model;
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
    trainer.fit(model, batches);
}
