// SPDX-License-Identifier: Apache-2.0
// The kernels made for a network's sizes: each beside the same sum in double, and networks with them beside those with ATen's.
#include <lit/data/dataset.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/detail/elementwise.hpp>
#include <lit/module/nn/detail/layer_norm.hpp>
#include <lit/module/nn/detail/products.hpp>
#include <lit/module/nn/detail/softmax.hpp>
#include <lit/module/nn/dropout.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/gelu.hpp>
#include <lit/module/nn/layer_norm.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/trainer/trainer.hpp>

#include "own_kernels.hpp"
#include "support/any_device.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace {

namespace nn = lit::nn;
namespace kernels = lit::nn::detail;
using own_kernels::drawn;
using own_kernels::off;
using own_kernels::Pair;
using own_kernels::tensor;

constexpr float infinity = std::numeric_limits<float>::infinity();

template <std::int64_t Columns>
void product_is_right() {
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 13}) {
        for (const std::int64_t depth : {1, 5, 16}) {
            CAPTURE(Columns);
            CAPTURE(rows);
            CAPTURE(depth);
            const auto a = drawn(rows * depth), b = drawn(depth * Columns), bias = drawn(Columns);
            const at::Tensor reference = tensor(a)
                                             .to(at::kDouble)
                                             .view({rows, depth})
                                             .mm(tensor(b).to(at::kDouble).view({depth, Columns}));
            std::vector<float> c(static_cast<std::size_t>(rows * Columns) + 8, 7.0F);
            const auto result = [&] { return tensor(c).slice(0, 0, rows * Columns).view({rows, Columns}); };
            kernels::product<Columns>(rows, depth, {a.data(), depth, 1}, b.data(), bias.data(), c.data());
            CHECK(off(result(), reference + tensor(bias)) < 1e-6);
            std::ranges::fill(c, 7.0F);
            kernels::plain::product<Columns>(rows, depth, {a.data(), depth, 1}, b.data(), nullptr, c.data());
            CHECK(off(result(), reference) < 1e-6);
            std::ranges::fill(c, 7.0F);
            // The other way round in memory, as for the gradient of a weight.
            const at::Tensor turned = tensor(a).view({rows, depth}).t().contiguous();
            kernels::product<Columns>(rows, depth,
                                      {static_cast<const float*>(turned.const_data_ptr()), 1, rows}, b.data(),
                                      nullptr, c.data());
            CHECK(off(result(), reference) < 1e-6);
            CHECK(c[static_cast<std::size_t>(rows * Columns)] == 7.0F);  // nothing beyond the end
        }
    }
}
template <std::int64_t Depth, std::int64_t Columns>
void dots_are_right() {
    for (const std::int64_t rows : {1, 2, 3, 4, 7}) {
        CAPTURE(Depth);
        CAPTURE(Columns);
        CAPTURE(rows);
        const auto a = drawn(rows * Depth), w = drawn(Columns * Depth), bias = drawn(Columns);
        const at::Tensor reference = tensor(a)
                                         .to(at::kDouble)
                                         .view({rows, Depth})
                                         .mm(tensor(w).to(at::kDouble).view({Columns, Depth}).t()) +
                                     tensor(bias);
        std::vector<float> c(static_cast<std::size_t>(rows * Columns) + 4, 7.0F);
        const auto result = [&] { return tensor(c).slice(0, 0, rows * Columns).view({rows, Columns}); };
        kernels::dots<Depth, Columns>(rows, a.data(), w.data(), bias.data(), c.data());
        CHECK(off(result(), reference) < 2e-6);
        if constexpr (Columns % 4 != 0 && Columns > 4) {  // a thread that has the last columns alone
            constexpr std::int64_t first = Columns / 4 * 4;
            if (kernels::avx2::available()) {
                std::ranges::fill(c, 7.0F);
                kernels::avx2::dots<Depth, Columns>(rows, a.data(), w.data(), bias.data(), c.data(), first,
                                                    Columns);
                CHECK(off(result().slice(1, first), reference.slice(1, first)) < 2e-6);
                CHECK(result().slice(1, 0, first).eq(7.0F).all().template item<bool>());
            }
        }
        std::ranges::fill(c, 7.0F);
        kernels::plain::dots<Depth, Columns>(rows, a.data(), w.data(), bias.data(), c.data(), 0, Columns);
        CHECK(off(result(), reference) < 2e-6);
        CHECK(c[static_cast<std::size_t>(rows * Columns)] == 7.0F);
    }
}
template <std::int64_t Classes>
void softmax_is_right(double scale) {
    CAPTURE(Classes);
    CAPTURE(scale);
    constexpr std::int64_t rows = 40;
    const at::Tensor y = at::randn({rows, Classes}) * scale;
    const at::Tensor reference = y.to(at::kDouble).softmax(1);
    const at::Tensor log_sums = y.to(at::kDouble).logsumexp(1);
    std::vector<float> p(rows * Classes);
    std::vector<kernels::LogSum> parts(rows);
    const auto check = [&] {
        CHECK((tensor(p).view({rows, Classes}) - reference).abs().max().item<double>() < 3e-7);
        for (std::int64_t m = 0; m < rows; ++m) {
            const kernels::LogSum part = parts[static_cast<std::size_t>(m)];
            CHECK(part.largest == y[m].max().item<float>());
            // Between 0 and log(Classes); a loss has no more digits than it has.
            CHECK(std::abs(part.log_sum - (log_sums[m].item<double>() - part.largest)) < 5e-7);
        }
        std::ranges::fill(p, 7.0F);
        std::ranges::fill(parts, kernels::LogSum{7.0F, 7.0F});
    };
    kernels::softmax<Classes>(rows, static_cast<const float*>(y.const_data_ptr()), p.data(), parts.data());
    check();
    kernels::plain::softmax<Classes>(rows, static_cast<const float*>(y.const_data_ptr()), p.data(),
                                     parts.data());
    check();
}

/// One number after the other, and eight at once, beside the reference in double.
template <class Kernel>
void function_is_right(at::Tensor (*reference)(const at::Tensor&)) {
    const at::Tensor x = at::cat({at::linspace(-12, 12, 10'003), at::randn({1000}) * 1e-3F, at::zeros({1})});
    const float* in = static_cast<const float*>(x.const_data_ptr());
    const auto count = static_cast<std::size_t>(x.numel());
    const at::Tensor expected = reference(x.to(at::kDouble));
    std::vector<float> y(count + 1, 7.0F);
    const auto error = [&] {
        const at::Tensor found = tensor(y).slice(0, 0, x.numel()).to(at::kDouble);
        return ((found - expected).abs() / expected.abs().clamp_min(1e-3)).max().item<double>();
    };
    kernels::map<Kernel>(x.numel(), in, y.data());
    CHECK(error() < 1e-6);
    CHECK(y[count] == 7.0F);  // nothing beyond the end
    std::ranges::fill(y, 7.0F);
    std::transform(in, in + count, y.begin(), Kernel::plain);
    CHECK(error() < 1e-6);
}
/// The same of a gradient, at values of what it is computed from.
template <class Kernel>
void gradient_is_right(const at::Tensor& of, at::Tensor (*reference)(const at::Tensor&)) {
    const at::Tensor dy = at::randn({of.numel()});
    const float* a = static_cast<const float*>(of.const_data_ptr());
    const float* b = static_cast<const float*>(dy.const_data_ptr());
    const at::Tensor expected = dy.to(at::kDouble) * reference(of.to(at::kDouble));
    std::vector<float> dx(static_cast<std::size_t>(of.numel()));
    kernels::zip<Kernel>(of.numel(), a, b, dx.data());
    CHECK((tensor(dx) - expected).abs().max().item<double>() < 2e-6);
    std::ranges::fill(dx, 7.0F);
    std::transform(a, a + of.numel(), b, dx.begin(), Kernel::plain);
    CHECK((tensor(dx) - expected).abs().max().item<double>() < 2e-6);
}

template <std::int64_t Width>
void layer_norm_is_right() {
    CAPTURE(Width);
    constexpr std::int64_t rows = 9;
    const auto x = drawn(rows * Width), weight = drawn(Width), bias = drawn(Width), dy = drawn(rows * Width);
    const at::Tensor input = (tensor(x) * 3 + 5).to(at::kDouble).view({rows, Width}).requires_grad_();
    const at::Tensor w = tensor(weight).to(at::kDouble).requires_grad_();
    const at::Tensor b = tensor(bias).to(at::kDouble).requires_grad_();
    const at::Tensor expected = at::layer_norm(input, {Width}, w, b, 1e-5);
    expected.backward(tensor(dy).to(at::kDouble).view({rows, Width}));
    const at::Tensor in = input.detach().to(at::kFloat);
    const float* data = static_cast<const float*>(in.const_data_ptr());
    std::vector<float> y(rows * Width + 1, 7.0F), dx(rows * Width + 1, 7.0F), by_weight(Width),
        by_bias(Width);
    std::vector<kernels::Moments> moments(rows);
    const auto check = [&] {
        CHECK(off(tensor(y).slice(0, 0, rows * Width).view({rows, Width}), expected.detach()) < 1e-6);
        // A gradient is a difference of numbers as large as the inverse of the deviation.
        const float largest = std::ranges::max(moments, {}, &kernels::Moments::inverse_std).inverse_std;
        const at::Tensor by_input = tensor(dx).slice(0, 0, rows * Width).view({rows, Width});
        CHECK((by_input - input.grad()).abs().max().item<double>() < 3e-6 * std::max(largest, 1.0F));
        // Of one number a row, what is zero here is rounding in the reference.
        CHECK((tensor(by_weight) - w.grad()).abs().max().item<double>() <
              2e-6 * std::max(w.grad().abs().max().item<double>(), 1e-6));
        CHECK(off(tensor(by_bias), b.grad()) < 1e-6);
        CHECK(y.back() == 7.0F);
        CHECK(dx.back() == 7.0F);
        for (std::vector<float>* written : {&y, &dx, &by_weight, &by_bias}) {
            std::ranges::fill(*written, 7.0F);
        }
        std::ranges::fill(moments, kernels::Moments{7.0F, 7.0F});
    };
    kernels::layer_norm<Width>(rows, data, weight.data(), bias.data(), 1e-5F, y.data(), moments.data());
    kernels::layer_norm_back<Width>(rows, data, weight.data(), moments.data(), dy.data(), dx.data(),
                                    by_weight.data(), by_bias.data());
    check();
    kernels::plain::layer_norm<Width>(rows, data, weight.data(), bias.data(), 1e-5F, y.data(),
                                      moments.data());
    kernels::plain::layer_norm_back<Width>(rows, data, weight.data(), moments.data(), dy.data(), dx.data(),
                                           by_weight.data(), by_bias.data());
    check();
}

struct Tiny : lit::Module<Tiny> {
    nn::Sequential<nn::OwnKernels, nn::Linear<4, 16>, nn::ReLU, nn::Linear<16, 3>> net = register_module(
        "net", nn::Sequential<nn::OwnKernels, nn::Linear<4, 16>, nn::ReLU, nn::Linear<16, 3>>());
    std::vector<at::Tensor> losses;
    auto training_step(const lit::Example& batch) {
        auto step = net->step<nn::CrossEntropy>(batch.data, batch.target);
        losses.push_back(step.loss);
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.02}}; }
};

}  // namespace

TEST_SUITE("module/nn/own_kernels") {
    TEST_CASE("products of all sizes around those of a register are those of double") {
        torch::manual_seed(1);
        product_is_right<1>();
        product_is_right<4>();
        product_is_right<7>();
        product_is_right<8>();
        product_is_right<9>();
        product_is_right<16>();
        product_is_right<31>();
        product_is_right<40>();
        dots_are_right<64, 3>();
        dots_are_right<64, 4>();
        dots_are_right<67, 5>();
        dots_are_right<72, 10>();
        dots_are_right<5, 6>();
    }

    TEST_CASE("softmax is that of double, for small and for large numbers") {
        torch::manual_seed(2);
        for (const double scale : {0.1, 3.0, 200.0}) {
            softmax_is_right<2>(scale);
            softmax_is_right<8>(scale);
            softmax_is_right<10>(scale);
        }
        const std::vector<float> y{0.0F, -infinity, -1000.0F};
        std::vector<float> p(3);
        kernels::LogSum part{7.0F, 7.0F};
        kernels::softmax<3>(1, y.data(), p.data(), &part);
        CHECK(p == std::vector<float>{1.0F, 0.0F, 0.0F});
        CHECK(part.log_sum == 0.0F);
        CHECK(part.largest == 0.0F);
    }

    TEST_CASE("a small loss of large scores keeps its digits") {
        const at::Tensor scores = at::full({1, 10}, 1e4F);
        scores[0][2] += 9;
        nn::CrossEntropy::State head;
        const double found = head.own<10>(scores, at::full({1}, 2, at::kLong)).item<double>();
        CHECK(found == doctest::Approx(std::log1p(9 * std::exp(-9.0))).epsilon(1e-4));
    }

    TEST_CASE("functions of single numbers are those of double, and so are their gradients") {
        torch::manual_seed(7);
        function_is_right<kernels::ReluKernel>([](const at::Tensor& x) { return x.clamp_min(0); });
        function_is_right<kernels::SigmoidKernel>([](const at::Tensor& x) { return x.sigmoid(); });
        function_is_right<kernels::TanhKernel>([](const at::Tensor& x) { return x.tanh(); });
        function_is_right<kernels::GeluKernel>([](const at::Tensor& x) { return at::gelu(x); });
        const at::Tensor outputs = at::rand({1003}) * 2 - 1;
        gradient_is_right<kernels::ReluBackKernel>(
            outputs, [](const at::Tensor& y) { return y.gt(0).to(at::kDouble); });
        gradient_is_right<kernels::SigmoidBackKernel>(outputs,
                                                      [](const at::Tensor& y) { return y * (1 - y); });
        gradient_is_right<kernels::TanhBackKernel>(outputs, [](const at::Tensor& y) { return 1 - y * y; });
        gradient_is_right<kernels::GeluBackKernel>(at::linspace(-12, 12, 5003), [](const at::Tensor& x) {
            return at::gelu_backward(at::ones_like(x), x);
        });
    }

    TEST_CASE("layer normalisation of all widths around that of a register is that of double") {
        torch::manual_seed(8);
        layer_norm_is_right<1>();
        layer_norm_is_right<2>();
        layer_norm_is_right<7>();
        layer_norm_is_right<8>();
        layer_norm_is_right<17>();
        layer_norm_is_right<64>();
    }

    TEST_CASE("what is no number stays none") {
        std::vector<float> x(19, 1.0F), y(19), p(19);
        x[3] = x[18] = std::nanf("");
        x[4] = -infinity;
        kernels::map<kernels::ReluKernel>(19, x.data(), y.data());
        CHECK(std::isnan(y[3]));
        CHECK(std::isnan(y[18]));
        CHECK(y[4] == 0.0F);
        for (const auto map : {kernels::map<kernels::SigmoidKernel>, kernels::map<kernels::TanhKernel>,
                               kernels::map<kernels::GeluKernel>}) {
            map(19, x.data(), y.data());
            CHECK(std::isnan(y[3]));
            CHECK(std::isnan(y[18]));
        }
        kernels::LogSum part{};
        kernels::softmax<19>(1, x.data(), p.data(), &part);
        CHECK(std::isnan(part.log_sum));
        CHECK(std::isnan(p[0]));
    }

    TEST_CASE("networks give ATen's losses and gradients, for batches of any size, and gradients add up") {
        torch::manual_seed(3);
        Pair<nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>> small;
        Pair<nn::Linear<100, 33>, nn::ReLU, nn::Linear<33, 10>> larger;
        Pair<nn::Shape<2, 3>, nn::Flatten, nn::Tanh, nn::Linear<6, 5, false>, nn::Tanh, nn::ReLU, nn::Sigmoid,
             nn::Linear<5, 4>, nn::Sigmoid>
            deep;
        for (const std::int64_t batch : {8, 8, 3, 1, 17, 8}) {
            CAPTURE(batch);
            at::Tensor target = at::randint(3, {batch}, at::kLong);
            if (batch == 3) {
                target[1] = -100;
            }
            small.compare<nn::CrossEntropy>(at::randn({batch, 7}), target, 0.5);
            larger.compare<nn::CrossEntropy>(at::randn({batch, 100}), at::randint(10, {batch}, at::kLong));
            deep.compare<nn::MSELoss>(at::randn({batch, 2, 3}), at::rand({batch, 4}));
        }
        Pair<nn::Shape<9>, nn::LayerNorm<9>, nn::Linear<9, 20>, nn::GELU, nn::LayerNorm<20>,
             nn::Linear<20, 12>, nn::Tanh, nn::GELU, nn::Linear<12, 3>>
            normed;
        for (const std::int64_t batch : {8, 3, 1, 17}) {
            CAPTURE(batch);
            normed.compare<nn::CrossEntropy>(at::randn({batch, 9}) * 2 + 1,
                                             at::randint(3, {batch}, at::kLong));
        }
        Pair<nn::Shape<3, 4>, nn::LayerNorm<4>, nn::Flatten, nn::GELU, nn::Linear<12, 3>> rows;
        rows.compare<nn::CrossEntropy>(at::randn({5, 3, 4}), at::randint(3, {5}, at::kLong));
    }

    TEST_CASE("dropout drops what ATen's drops, in whatever place, and nothing in eval mode") {
        torch::manual_seed(9);
        Pair<nn::Shape<9>, nn::Dropout<0.25>, nn::Linear<9, 20>, nn::Dropout<>, nn::ReLU, nn::Dropout<0.1>,
             nn::Linear<20, 5>, nn::Dropout<0.0>, nn::Linear<5, 3>>
            nets;
        Pair<nn::Linear<4, 3>, nn::Dropout<1.0>> none;
        const auto target = [] { return at::randint(3, {6}, at::kLong); };
        nets.compare<nn::CrossEntropy>(at::randn({6, 9}), target());
        nets.compare<nn::CrossEntropy>(at::randn({6, 9}), target(), 1.0,
                                       [](torch::nn::Module& net) { net.eval(); });
        nets.compare<nn::CrossEntropy>(at::randn({6, 9}), target(), 1.0,
                                       [](torch::nn::Module& net) { net.train(); });
        none.compare<nn::CrossEntropy>(at::randn({6, 4}), target());
        CHECK(none.own->output().count_nonzero().item<std::int64_t>() == 0);
    }

    TEST_CASE("a batch of nothing has no loss, and gradients of 0") {
        torch::manual_seed(11);
        Pair<nn::Linear<100, 9>, nn::LayerNorm<9>, nn::GELU, nn::Dropout<>, nn::Linear<9, 5>, nn::ReLU,
             nn::Linear<5, 3>>
            nets;
        own_kernels::takes_nothing(nets.own, {100});
        own_kernels::takes_nothing(nets.aten, {100});
        nets.compare<nn::CrossEntropy>(at::randn({4, 100}), at::zeros({4}, at::kLong));
    }

    TEST_CASE("a frozen parameter gets no gradient, of a LayerNorm either") {
        torch::manual_seed(12);
        nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::LayerNorm<5>, nn::Linear<5, 3>> net;
        own_kernels::freezes<nn::CrossEntropy>(net, {"0.weight", "1.bias"}, at::randn({4, 7}),
                                               at::zeros({4}, at::kLong));
    }

    TEST_CASE("a row far from zero does not spoil the gradient beyond its end") {
        constexpr std::int64_t width = 7;
        const std::vector<float> x(width, 3e37F), weight(width, 1.0F), bias(width, 0.0F), dy(width, 1.0F);
        std::vector<float> y(width), dx(width), by_weight(width), by_bias(width);
        std::vector<kernels::Moments> moments{{3e37F, 316.0F}};
        kernels::layer_norm_back<width>(1, x.data(), weight.data(), moments.data(), dy.data(), dx.data(),
                                        by_weight.data(), by_bias.data());
        CHECK(std::ranges::all_of(dx, [](float value) { return std::isfinite(value); }));
    }

    TEST_CASE("a layer of another type than the first is refused") {
        nn::Sequential<nn::OwnKernels, nn::Linear<7, 5>, nn::LayerNorm<5>> net;
        net->children()[1]->to(at::kHalf);
        CHECK_THROWS_WITH_AS(static_cast<void>(net->step<nn::MSELoss>(at::randn({4, 7}), at::rand({4, 5}))),
                             doctest::Contains("found a parameter of Half on cpu; expected Float on cpu"),
                             lit::ConfigError);
    }

    TEST_CASE("where its kernels do not reach, a network takes ATen's") {
        torch::manual_seed(4);
        Pair<nn::Linear<7, 5>, nn::ReLU, nn::Linear<5, 3>> nets;
        nets.aten->to(at::kDouble);
        nets.own->to(at::kDouble);
        const at::Tensor x = at::randn({4, 7}, at::kDouble);
        const auto same = [&](const at::Tensor& batch, const at::Tensor& target) {
            nets.own->zero_grad();
            nets.aten->zero_grad();
            const auto mine = nets.own->step<nn::CrossEntropy>(batch, target);
            CHECK(at::equal(mine.loss, nets.aten->step<nn::CrossEntropy>(batch, target).loss));
            mine.backward();
        };
        same(x, at::zeros({4}, at::kLong));
        nets.aten->to(at::kFloat);
        nets.own->to(at::kFloat);
        same(x.to(at::kFloat),
             at::tensor({0, 9, 1, 9, 2, 9, 0, 9}, at::kLong).slice(0, 0, 8, 2));  // every other one
        CHECK(nets.own->forward(x.to(at::kFloat)).requires_grad());
    }

    TEST_CASE("a weight that lies in memory as a view is read as what it is") {
        torch::manual_seed(5);
        Pair<nn::Linear<6, 4>, nn::Tanh, nn::Linear<4, 3>> nets;
        const at::Tensor turned = at::randn({4, 3}).t();
        nets.aten->named_parameters()["2.weight"].set_data(turned);
        nets.own->named_parameters()["2.weight"].set_data(turned);
        const at::Tensor every_other = at::randn({8}).slice(0, 0, 8, 2);
        nets.aten->named_parameters()["0.bias"].set_data(every_other);
        nets.own->named_parameters()["0.bias"].set_data(every_other);
        nets.compare<nn::CrossEntropy>(at::randn({5, 6}), at::zeros({5}, at::kLong));
    }

    TEST_CASE("a target that is no class is refused with its place") {
        nn::Sequential<nn::OwnKernels, nn::Linear<4, 3>> net;
        CHECK_THROWS_WITH_AS(
            static_cast<void>(net->step<nn::CrossEntropy>(at::randn({2, 4}), at::tensor({0, 3}, at::kLong))),
            doctest::Contains("found the target 3 at sample 1 of the batch; expected a class from 0 to 2"),
            lit::Error);
    }

    TEST_CASE("scores of more than one dimension are refused as ATen refuses them") {
        nn::Sequential<nn::Shape<3, 4>, nn::LayerNorm<4>> aten;
        nn::Sequential<nn::OwnKernels, nn::Shape<3, 4>, nn::LayerNorm<4>> own;
        const at::Tensor x = at::randn({2, 3, 4}), target = at::tensor({0, 11}, at::kLong);
        CHECK_THROWS_AS(static_cast<void>(aten->step<nn::CrossEntropy>(x, target)), c10::Error);
        CHECK_THROWS_AS(static_cast<void>(own->step<nn::CrossEntropy>(x, target)), c10::Error);
    }

    TEST_CASE("a trainer trains it, and each loss stays what it was") {
        torch::manual_seed(6);
        const at::Tensor centers =
            at::tensor({3.0F, 0.0F, 0.0F, 0.0F, 0.0F, 3.0F, 0.0F, 0.0F, 0.0F, 0.0F, 3.0F, 0.0F}).view({3, 4});
        std::vector<lit::Example> data;
        for (int i = 0; i < 40; ++i) {
            const at::Tensor target = at::randint(3, {8}, at::kLong);
            data.push_back({centers.index_select(0, target) + at::randn({8, 4}), target});
        }
        Tiny module;
        lit::Trainer trainer{lit::testing::any_device(), lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = 5}};
        trainer.fit(module, data);
        REQUIRE(module.losses.size() == 200);
        CHECK(module.losses.front().item<float>() > 0.8F);
        CHECK(module.losses.back().item<float>() < 0.4F);
        CHECK(module.losses[0].const_data_ptr() != module.losses[1].const_data_ptr());
    }
}
