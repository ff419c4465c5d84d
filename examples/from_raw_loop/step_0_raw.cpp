// SPDX-License-Identifier: Apache-2.0
// Where many begin: a training loop written by hand on LibTorch. Everything is here - batches, mode, gradients, the
// mean of the validation, the best weights so far - and everything is the program's own to keep right.
#include <lit/data/fashion_mnist.hpp>

#include <torch/nn.h>
#include <torch/optim/adamw.h>
#include <torch/serialize.h>

#include <cstdint>
#include <cstdio>

namespace F = torch::nn::functional;

struct NetImpl : torch::nn::Module {
    NetImpl() {
        in = register_module("in", torch::nn::Linear(784, 64));
        out = register_module("out", torch::nn::Linear(64, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x))); }
    torch::nn::Linear in{nullptr}, out{nullptr};
};
TORCH_MODULE(Net);

int main() {
    torch::manual_seed(0);
    const lit::FashionMNIST images;
    const auto x = images.data().narrow(0, 0, 6000).flatten(1).to(torch::kFloat).div(255);
    const auto y = images.target().narrow(0, 0, 6000);
    const auto train_x = x.narrow(0, 0, 5000), train_y = y.narrow(0, 0, 5000);
    const auto val_x = x.narrow(0, 5000, 1000), val_y = y.narrow(0, 5000, 1000);

    Net net;
    torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(1e-3));
    double best = 0.0;
    for (int epoch = 0; epoch < 3; ++epoch) {
        net->train();
        const auto order = torch::randperm(train_x.size(0));
        for (std::int64_t begin = 0; begin < train_x.size(0); begin += 64) {
            const auto index = order.narrow(0, begin, std::min<std::int64_t>(64, train_x.size(0) - begin));
            optimizer.zero_grad();
            const auto loss = F::cross_entropy(net->forward(train_x.index_select(0, index)), train_y.index_select(0, index));
            loss.backward();
            optimizer.step();
        }
        net->eval();
        const torch::NoGradGuard no_grad;
        const double accuracy = net->forward(val_x).argmax(1).eq(val_y).to(torch::kFloat).mean().item<double>();
        std::printf("epoch %d  val_acc %.3f\n", epoch, accuracy);
        if (accuracy > best) {
            best = accuracy;
            torch::save(net, "best.pt");
        }
    }
}
