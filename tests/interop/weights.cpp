// SPDX-License-Identifier: Apache-2.0
// What weights.py asks for: a ResNet-18 with torchvision's names that takes weights by name, and safetensors both ways.
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/load_weights.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/error.hpp>
#include <lit/module/module.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/functional/pooling.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

namespace F = torch::nn::functional;
namespace nn = torch::nn;

nn::Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t size, std::int64_t stride) {
    return nn::Conv2d(nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).bias(false));
}

struct BasicBlockImpl : nn::Module {
    nn::Conv2d conv1{nullptr}, conv2{nullptr};
    nn::BatchNorm2d bn1{nullptr}, bn2{nullptr};
    nn::Sequential downsample{nullptr};

    BasicBlockImpl(std::int64_t in, std::int64_t out, std::int64_t stride) {
        conv1 = register_module("conv1", conv(in, out, 3, stride));
        bn1 = register_module("bn1", nn::BatchNorm2d(out));
        conv2 = register_module("conv2", conv(out, out, 3, 1));
        bn2 = register_module("bn2", nn::BatchNorm2d(out));
        if (stride != 1 || in != out) {
            downsample = register_module("downsample", nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out)));
        }
    }
    at::Tensor forward(const at::Tensor& x) {
        const at::Tensor inner = bn2(conv2(torch::relu(bn1(conv1(x)))));
        return torch::relu(inner + (downsample ? downsample->forward(x) : x));
    }
};
TORCH_MODULE(BasicBlock);

/// A module of lit's with the names of torchvision's and timm's `resnet18`.
struct ResNet18 : lit::Module<ResNet18> {
    nn::Conv2d conv1{nullptr};
    nn::BatchNorm2d bn1{nullptr};
    nn::Sequential layer1{nullptr}, layer2{nullptr}, layer3{nullptr}, layer4{nullptr};
    nn::Linear fc{nullptr};

    ResNet18() {
        const auto layer = [](std::int64_t in, std::int64_t out, std::int64_t stride) {
            return nn::Sequential(BasicBlock(in, out, stride), BasicBlock(out, out, 1));
        };
        conv1 = register_module("conv1", conv(3, 64, 7, 2));
        bn1 = register_module("bn1", nn::BatchNorm2d(64));
        layer1 = register_module("layer1", layer(64, 64, 1));
        layer2 = register_module("layer2", layer(64, 128, 2));
        layer3 = register_module("layer3", layer(128, 256, 2));
        layer4 = register_module("layer4", layer(256, 512, 2));
        fc = register_module("fc", nn::Linear(512, 1000));
    }
    at::Tensor forward(const at::Tensor& x) {
        const at::Tensor y = F::max_pool2d(torch::relu(bn1(conv1(x))), F::MaxPool2dFuncOptions(3).stride(2).padding(1));
        const at::Tensor z = layer4->forward(layer3->forward(layer2->forward(layer1->forward(y))));
        return fc(F::adaptive_avg_pool2d(z, F::AdaptiveAvgPool2dFuncOptions(1)).flatten(1));
    }
};

int run(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    at::set_num_threads(1);
    if ((mode == "predict" || mode == "loosely") && argc == 5) {  // WEIGHTS INPUT OUTPUT
        ResNet18 net;
        const lit::LoadReport report = lit::load_weights(net, argv[2], {.strict = mode == "predict"});
        for (const auto& name : report.missing) {
            std::printf("missing %s\n", name.c_str());
        }
        for (const auto& name : report.unexpected) {
            std::printf("unexpected %s\n", name.c_str());
        }
        net.eval();
        const at::NoGradGuard no_grad;
        lit::save_checkpoint_file(argv[4], net.forward(lit::load_checkpoint(argv[3]).tensor()));
    } else if (mode == "to_safetensors" && argc == 4) {
        lit::save_safetensors(argv[3], lit::load_checkpoint(argv[2]).dict(), {{"format", "pt"}});
    } else if (mode == "from_safetensors" && argc == 4) {
        lit::save_checkpoint_file(argv[3], lit::load_safetensors(argv[2]));
    } else {
        std::fprintf(stderr, "weights (predict|loosely) WEIGHTS INPUT OUTPUT | (to_safetensors|from_safetensors) IN OUT\n");
        return 2;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
