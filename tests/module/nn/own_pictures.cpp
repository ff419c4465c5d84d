// SPDX-License-Identifier: Apache-2.0
// The own kernels of layers of pictures - convolutions, poolings, batch norms: networks with them beside those with ATen's, and the
// forms of plain loops beside those for AVX2.
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/batch_norm.hpp>
#include <lit/module/nn/conv2d.hpp>
#include <lit/module/nn/detail/channels.hpp>
#include <lit/module/nn/detail/correlation.hpp>
#include <lit/module/nn/detail/pooling.hpp>
#include <lit/module/nn/detail/sliding.hpp>
#include <lit/module/nn/dropout.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/gelu.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/pooling.hpp>
#include <lit/module/nn/sequential.hpp>

#include "own_kernels.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/modules/batchnorm.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

namespace {

namespace nn = lit::nn;
namespace kernels = lit::nn::detail;
using own_kernels::drawn;
using own_kernels::off;
using own_kernels::Pair;
using own_kernels::tensor;

/// A layer over pictures of these sizes with `Channels` channels, after one that learns, so that its gradient is asked for.
template <std::int64_t Channels, std::int64_t Height, std::int64_t Width, class Layer>
void layer_is_right() {
    CAPTURE(Height);
    CAPTURE(Width);
    using Shape = nn::Shape<Channels, Height, Width>;
    Pair<Shape, nn::Conv2d<Channels, Channels, 1>, Layer> nets(true);
    for (const std::int64_t batch : {2, 3, 1}) {
        CAPTURE(batch);
        std::vector<std::int64_t> sizes{batch};
        std::ranges::copy(nn::output_t<Layer, Shape>::sizes, std::back_inserter(sizes));
        nets.template compare<nn::MSELoss>(at::randn({batch, Channels, Height, Width}), at::randn(sizes));
    }
}
template <std::int64_t Kernel, std::int64_t Stride, std::int64_t Padding, bool Bias = true>
void convolution_is_right() {
    CAPTURE(Kernel);
    CAPTURE(Stride);
    CAPTURE(Padding);
    layer_is_right<1, 5, 6, nn::Conv2d<1, 1, Kernel, Stride, Padding, Bias>>();
    layer_is_right<2, 9, 8, nn::Conv2d<2, 3, Kernel, Stride, Padding, Bias>>();
    layer_is_right<3, 7, 21, nn::Conv2d<3, 8, Kernel, Stride, Padding, Bias>>();
}
template <std::int64_t Kernel, std::int64_t Stride, std::int64_t Padding>
void poolings_are_right() {
    CAPTURE(Kernel);
    CAPTURE(Stride);
    CAPTURE(Padding);
    layer_is_right<1, 5, 6, nn::MaxPool2d<Kernel, Stride, Padding>>();
    layer_is_right<2, 9, 8, nn::MaxPool2d<Kernel, Stride, Padding>>();
    layer_is_right<2, 7, 21, nn::MaxPool2d<Kernel, Stride, Padding>>();
    layer_is_right<1, 18, 35, nn::MaxPool2d<Kernel, Stride, Padding>>();
    layer_is_right<1, 5, 6, nn::AvgPool2d<Kernel, Stride, Padding>>();
    layer_is_right<2, 9, 8, nn::AvgPool2d<Kernel, Stride, Padding>>();
    layer_is_right<2, 7, 21, nn::AvgPool2d<Kernel, Stride, Padding>>();
    layer_is_right<1, 18, 35, nn::AvgPool2d<Kernel, Stride, Padding>>();
}

/// Both forms of the sums of a convolution of pictures of one channel, beside LibTorch's in double.
template <std::int64_t Filters, std::int64_t Width>
void correlation_is_right() {
    CAPTURE(Filters);
    CAPTURE(Width);
    constexpr std::int64_t height = 4, kernel = 3, taps = kernel * kernel;
    constexpr std::int64_t rows = height - kernel + 1, columns = Width - kernel + 1;
    constexpr kernels::Places places{rows, columns, Width};
    std::array<std::int64_t, taps> offsets{};
    for (std::int64_t tap = 0; tap < taps; ++tap) {
        offsets[static_cast<std::size_t>(tap)] = tap / kernel * Width + tap % kernel;
    }
    auto picture = drawn(height * Width);
    const auto weight = drawn(Filters * taps), bias = drawn(Filters), dy = drawn(Filters * rows * columns);
    const at::Tensor x = tensor(picture).to(at::kDouble).view({1, 1, height, Width});
    at::Tensor w = tensor(weight).to(at::kDouble).view({Filters, 1, kernel, kernel}).requires_grad_();
    const at::Tensor y = at::conv2d(x, w, tensor(bias).to(at::kDouble));
    y.backward(tensor(dy).to(at::kDouble).view_as(y));
    picture.resize(picture.size() + 8, std::nanf(""));  // what lies beyond is read, and not used

    std::vector<float> found(static_cast<std::size_t>(Filters * rows * columns) + 8, 7.0F);
    const auto check = [&] {
        CHECK(off(tensor(found).slice(0, 0, Filters * rows * columns).view_as(y), y.detach()) < 1e-6);
        CHECK(std::ranges::count(found, 7.0F) == 8);  // nothing beyond the end
        std::ranges::fill(found, 7.0F);
    };
    kernels::correlate<Filters>(places, taps, weight.data(), offsets.data(), bias.data(), picture.data(),
                                found.data());
    check();
    kernels::plain::correlate<Filters>(places, taps, weight.data(), offsets.data(), bias.data(),
                                       picture.data(), found.data());
    check();

    std::vector<float> by_weight(static_cast<std::size_t>(Filters * taps), 1.0F);  // it is added to
    const auto check_gradient = [&] {
        CHECK(off(tensor(by_weight).view_as(w) - 1.0, w.grad()) < 2e-6);
        std::ranges::fill(by_weight, 1.0F);
    };
    using Back = kernels::CorrelateBack<Filters, taps>;
    Back::run(0, 2, places, offsets.data(), dy.data(), picture.data(), by_weight.data());
    Back::run(2, Back::tiles, places, offsets.data(), dy.data(), picture.data(), by_weight.data());
    check_gradient();
    kernels::plain::correlate_back_tile<Filters, taps>(places, offsets.data(), dy.data(), picture.data(),
                                                       by_weight.data(), taps);
    check_gradient();
}

/// Both forms of what poolings do are the same to the bit.
template <std::int64_t Width>
void pooling_is_the_same() {
    CAPTURE(Width);
    using Window = kernels::Sliding<6, Width, 3, 1, 0>;
    constexpr kernels::Places places{Window::rows, Window::columns, Window::row};
    constexpr auto count = static_cast<std::size_t>(Window::rows * Window::columns);
    constexpr auto room = static_cast<std::size_t>(Window::apart + 8);
    auto from = drawn(Window::apart + 8);
    from[5] = std::nanf("");
    from[9] = from[10] = 9.0F;
    const auto dy = drawn(count);
    std::vector<float> y(count), y_plain(count), to(room), to_plain(room);
    std::vector<std::int32_t> which(count), which_plain(count);
    kernels::largest<9>(places, Window::offsets.data(), from.data(), y.data(), which.data());
    kernels::plain::largest<9>(places, Window::offsets.data(), from.data(), y_plain.data(),
                               which_plain.data());
    CHECK(which == which_plain);
    CHECK(std::ranges::equal(y, y_plain,
                             [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }));
    CHECK(std::ranges::any_of(y, [](float value) { return std::isnan(value); }));
    kernels::largest_back<9>(places, Window::offsets.data(), dy.data(), which.data(), to.data());
    kernels::plain::largest_back<9>(places, Window::offsets.data(), dy.data(), which.data(), to_plain.data());
    CHECK(off(tensor(to), tensor(to_plain)) < 1e-6);
    from[5] = 0.0F;
    kernels::mean<9>(places, Window::offsets.data(), from.data(), y.data());
    kernels::plain::mean<9>(places, Window::offsets.data(), from.data(), y_plain.data());
    CHECK(y == y_plain);
    kernels::mean_back<9>(places, Window::offsets.data(), dy.data(), to.data());
    kernels::plain::mean_back<9>(places, Window::offsets.data(), dy.data(), to_plain.data());
    CHECK(off(tensor(to), tensor(to_plain)) < 1e-6);
}

/// Both forms of the sums over a channel, beside those of double.
void sums_are_right(bool plain) {
    CAPTURE(plain);
    for (const std::int64_t count : {1, 7, 8, 9, 16, 31, 32, 33, 70}) {
        CAPTURE(count);
        const auto x = drawn(count), dy = drawn(count);
        const at::Tensor x64 = tensor(x).to(at::kDouble), dy64 = tensor(dy).to(at::kDouble);
        const at::Tensor off_mean = x64 - 0.25;
        // As a part of what is summed: the sum itself may be near zero.
        const auto near = [](double found, const at::Tensor& of) {
            return std::abs(found - of.sum().template item<double>()) <
                   1e-6 * of.abs().sum().template item<double>();
        };
        CHECK(near((plain ? kernels::plain::sum : kernels::sum)(count, x.data()), x64));
        CHECK(near((plain ? kernels::plain::squares : kernels::squares)(count, x.data(), 0.25F),
                   off_mean * off_mean));
        const kernels::GradientSums sums = (plain ? kernels::plain::gradient_sums : kernels::gradient_sums)(
            count, x.data(), 0.25F, dy.data());
        CHECK(near(sums.plain, dy64));
        CHECK(near(sums.along, off_mean * dy64));
        std::vector<float> y(static_cast<std::size_t>(count) + 8, 7.0F);
        const auto result = [&] { return tensor(y).slice(0, 0, count); };
        (plain ? kernels::plain::scale : kernels::scale)(count, x.data(), 1.5F, -0.5F, y.data());
        CHECK(off(result(), x64 * 1.5 - 0.5) < 1e-6);
        (plain ? kernels::plain::scale_back : kernels::scale_back)(count, x.data(), 0.25F, 0.125F, dy.data(),
                                                                   0.5F, 2.0F, y.data());
        CHECK(off(result(), (dy64 - 0.5 - off_mean * 0.125) * 2) < 1e-6);
        CHECK(y[static_cast<std::size_t>(count)] == 7.0F);  // nothing beyond the end
    }
}

}  // namespace

TEST_SUITE("module/nn/own_pictures") {
    TEST_CASE("the sums of a convolution of all widths around that of a register are those of double") {
        torch::manual_seed(1);
        correlation_is_right<1, 3>();
        correlation_is_right<2, 6>();
        correlation_is_right<3, 9>();
        correlation_is_right<4, 10>();
        correlation_is_right<5, 11>();
        correlation_is_right<6, 18>();
        correlation_is_right<7, 25>();
        correlation_is_right<16, 30>();
    }

    TEST_CASE("convolutions of any kernel, stride and padding are ATen's, and so are their gradients") {
        torch::manual_seed(2);
        convolution_is_right<1, 1, 0>();
        convolution_is_right<3, 1, 0>();
        convolution_is_right<3, 1, 1, false>();
        convolution_is_right<5, 1, 2>();
        convolution_is_right<2, 1, 3>();  // windows that see nothing but padding
        convolution_is_right<1, 2, 0>();  // numbers that no window sees
        convolution_is_right<3, 2, 1>();
        convolution_is_right<2, 2, 0>();
        convolution_is_right<5, 2, 1>();
        convolution_is_right<3, 3, 0, false>();
        convolution_is_right<4, 3, 4>();
        convolution_is_right<2, 4, 1>();
    }

    TEST_CASE("poolings of any kernel, stride and padding are ATen's, and so are their gradients") {
        torch::manual_seed(3);
        poolings_are_right<2, 2, 0>();
        poolings_are_right<3, 2, 1>();
        poolings_are_right<3, 1, 1>();
        poolings_are_right<3, 3, 0>();
        poolings_are_right<2, 3, 1>();
        poolings_are_right<5, 2, 2>();
        poolings_are_right<1, 2, 0>();
    }

    TEST_CASE("poolings do the same in plain loops, with numbers that are none, too") {
        torch::manual_seed(4);
        pooling_is_the_same<7>();
        pooling_is_the_same<10>();
        pooling_is_the_same<13>();
        pooling_is_the_same<26>();
    }

    TEST_CASE("of equal numbers the first one is the largest, as in ATen") {
        Pair<nn::Shape<2, 8, 9>, nn::Conv2d<2, 2, 1>, nn::ReLU, nn::MaxPool2d<2>, nn::Flatten,
             nn::Linear<32, 3>>
            nets(true);
        torch::manual_seed(5);
        nets.compare<nn::CrossEntropy>(at::randn({4, 2, 8, 9}), at::randint(3, {4}, at::kLong));
    }

    TEST_CASE("the sums over channels are those of double") {
        torch::manual_seed(6);
        sums_are_right(true);
        sums_are_right(false);
    }

    TEST_CASE("batch norms are ATen's while training, in eval mode, and with other settings") {
        torch::manual_seed(7);
        Pair<nn::Shape<5>, nn::Linear<5, 9>, nn::BatchNorm1d<9>, nn::ReLU, nn::Linear<9, 3>> flat(true);
        Pair<nn::Shape<3, 7>, nn::BatchNorm1d<3>, nn::GELU, nn::BatchNorm1d<3>> rows(true);
        Pair<nn::Shape<2, 5, 6>, nn::Conv2d<2, 4, 3>, nn::BatchNorm2d<4>, nn::ReLU, nn::Flatten,
             nn::Linear<48, 3>>
            pictures(true);
        const auto each = [&](auto&& change) {
            for (const std::int64_t batch : {4, 9, 3}) {
                CAPTURE(batch);
                const at::Tensor target = at::randint(3, {batch}, at::kLong);
                flat.compare<nn::CrossEntropy>(at::randn({batch, 5}) * 3 + 1, target, 1.0, change);
                rows.compare<nn::MSELoss>(at::randn({batch, 3, 7}) * 3 + 1, at::randn({batch, 3, 7}), 1.0,
                                          change);
                pictures.compare<nn::CrossEntropy>(at::randn({batch, 2, 5, 6}), target, 1.0, change);
            }
        };
        each([](torch::nn::Module& /*net*/) {});
        each([](torch::nn::Module& net) { net.eval(); });  // after the step: its gradients are of training
        each([](torch::nn::Module& /*net*/) {});
        each([](torch::nn::Module& net) { net.train(); });  // and the other way round
        for (torch::nn::Module* net : {static_cast<torch::nn::Module*>(flat.aten.get()),
                                       static_cast<torch::nn::Module*>(flat.own.get())}) {
            auto& options = net->children()[1]->as<torch::nn::BatchNorm1d>()->options;
            options.eps(0.5).momentum(std::nullopt);
        }
        each([](torch::nn::Module& /*net*/) {});
    }

    TEST_CASE("a network of all of them is ATen's, and gradients add up") {
        torch::manual_seed(8);
        Pair<nn::Shape<1, 12, 13>, nn::Conv2d<1, 4, 3, 1, 1>, nn::BatchNorm2d<4>, nn::ReLU, nn::MaxPool2d<2>,
             nn::Dropout<0.25>, nn::Conv2d<4, 6, 3, 2, 1, false>, nn::AvgPool2d<2, 1>, nn::Flatten,
             nn::Linear<24, 7>, nn::BatchNorm1d<7>, nn::Tanh, nn::Linear<7, 3>>
            nets(true);
        for (const std::int64_t batch : {8, 3, 17}) {
            CAPTURE(batch);
            nets.compare<nn::CrossEntropy>(at::randn({batch, 1, 12, 13}), at::randint(3, {batch}, at::kLong),
                                           0.5);
        }
    }

    TEST_CASE("a batch of nothing has gradients of 0, and moves no statistics") {
        torch::manual_seed(9);
        using Layers =
            Pair<nn::Shape<2, 5, 6>, nn::Conv2d<2, 4, 3>, nn::BatchNorm2d<4>, nn::ReLU, nn::MaxPool2d<2>,
                 nn::AvgPool2d<1>, nn::Flatten, nn::Linear<8, 5>, nn::BatchNorm1d<5>, nn::Linear<5, 3>>;
        Layers nets(true);
        const auto each = [](auto& net) {
            own_kernels::takes_nothing(net, {2, 5, 6});
            const auto buffers = net->named_buffers();
            CHECK(at::equal(buffers["1.running_mean"], at::zeros({4})));
            CHECK(at::equal(buffers["7.running_var"], at::ones({5})));
            CHECK(buffers["7.num_batches_tracked"].template item<std::int64_t>() == 1);
        };
        each(nets.own);
        each(nets.aten);
        nets.compare<nn::CrossEntropy>(at::randn({8, 2, 5, 6}), at::randint(3, {8}, at::kLong));
    }

    TEST_CASE("a frozen parameter gets no gradient, and hands on that of its input") {
        torch::manual_seed(10);
        nn::Sequential<nn::OwnKernels, nn::Shape<2, 5, 6>, nn::Conv2d<2, 4, 3>, nn::BatchNorm2d<4>,
                       nn::Conv2d<4, 3, 3, 2, 1>>
            net;
        own_kernels::freezes<nn::MSELoss>(net, {"0.bias", "1.weight", "2.weight", "2.bias"},
                                          at::randn({4, 2, 5, 6}), at::randn({4, 3, 2, 2}));
        CHECK(net->named_parameters()["0.weight"].grad().abs().max().item<float>() > 0.0F);
    }

    TEST_CASE("a gradient that ATen laid out as channels_last is no buffer of own kernels") {
        torch::manual_seed(12);
        Pair<nn::Shape<3, 6, 6>, nn::Conv2d<3, 4, 3>, nn::Flatten, nn::Linear<64, 2>> nets;
        for (torch::nn::Module* net : {static_cast<torch::nn::Module*>(nets.aten.get()),
                                       static_cast<torch::nn::Module*>(nets.own.get())}) {
            at::Tensor weight = net->named_parameters()["0.weight"];
            weight.set_data(weight.detach().contiguous(at::MemoryFormat::ChannelsLast));
        }
        const at::Tensor x = at::randn({4, 3, 6, 6});
        const auto compare = [&](const at::Tensor& target) {
            nets.compare<nn::CrossEntropy>(x, target);
            nets.aten->zero_grad();
            nets.own->zero_grad();
        };
        compare(at::zeros({8}, at::kLong).slice(0, 0, 8, 2));  // what is not contiguous is left to ATen's kernels
        compare(at::ones({4}, at::kLong));
        compare(at::zeros({4}, at::kLong));
    }

    TEST_CASE("weights and statistics that lie in memory as views are read, and written, as what they are") {
        torch::manual_seed(11);
        Pair<nn::Shape<2, 5, 6>, nn::Conv2d<2, 4, 3>, nn::BatchNorm2d<4>, nn::Conv2d<4, 3, 3>> nets(true);
        const at::Tensor turned = at::randn({3, 3, 4, 3}).permute({3, 2, 0, 1});
        const at::Tensor variances = at::rand({8});
        for (torch::nn::Module* net : {static_cast<torch::nn::Module*>(nets.aten.get()),
                                       static_cast<torch::nn::Module*>(nets.own.get())}) {
            net->named_parameters()["2.weight"].set_data(turned);
            net->named_buffers()["1.running_var"].set_data(variances.clone().slice(0, 0, 8, 2));
        }
        nets.compare<nn::MSELoss>(at::randn({4, 2, 5, 6}), at::randn({4, 3, 1, 2}));
    }
}
