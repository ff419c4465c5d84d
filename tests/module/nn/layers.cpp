// SPDX-License-Identifier: Apache-2.0
// Each layer of a static network beside LibTorch's and autograd, which is the reference: bit for bit.
#include <lit/callbacks/detail/batch_norms.hpp>
#include <lit/callbacks/detail/module_parts.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/batch_norm.hpp>
#include <lit/module/nn/conv2d.hpp>
#include <lit/module/nn/dropout.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/gelu.hpp>
#include <lit/module/nn/layer_norm.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/pooling.hpp>
#include <lit/module/nn/sequential.hpp>

#include "support/doctest.hpp"
#include "support/threads.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/pooling.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace nn = lit::nn;
using lit::testing::Threads;
using nn::Shape;
using nn::Takes;
template <class Layer, class Input, class Output>
constexpr bool gives = std::is_same_v<nn::output_t<Layer, Input>, Output>;

using Conv = nn::Conv2d<3, 8, 3>;
static_assert(gives<Conv, Shape<3, 12, 10>, Shape<8, 10, 8>>);
static_assert(gives<nn::Conv2d<3, 8, 3, 2>, Shape<3, 12, 11>, Shape<8, 5, 5>>);
static_assert(gives<nn::Conv2d<3, 8, 5, 2, 2>, Shape<3, 12, 11>, Shape<8, 6, 6>>);
static_assert(gives<nn::Conv2d<3, 8, 5, 1, 2>, Shape<3, 1, 1>, Shape<8, 1, 1>>);
static_assert(!Takes<Conv, Shape<1, 12, 12>>, "another number of channels");
static_assert(!Takes<Conv, Shape<3, 2, 12>>, "lower than the kernel");
static_assert(!Takes<Conv, Shape<3, 12, 2>>, "narrower than the kernel");
static_assert(!Takes<Conv, Shape<3, 12>>);
static_assert(!Takes<Conv, Shape<3, 12, 12, 12>>);

static_assert(gives<nn::MaxPool2d<2>, Shape<4, 7, 6>, Shape<4, 3, 3>>);
static_assert(gives<nn::MaxPool2d<3, 2, 1>, Shape<4, 7, 6>, Shape<4, 4, 3>>);
static_assert(!Takes<nn::MaxPool2d<3>, Shape<4, 2, 6>>);
static_assert(!Takes<nn::MaxPool2d<3>, Shape<4, 6, 2>>);
static_assert(!Takes<nn::MaxPool2d<3>, Shape<24>>);
static_assert(gives<nn::AvgPool2d<2>, Shape<4, 7, 6>, Shape<4, 3, 3>>);
static_assert(!Takes<nn::AvgPool2d<3>, Shape<4, 2, 6>>);

static_assert(gives<nn::Dropout<0.1>, Shape<4, 2>, Shape<4, 2>>);
static_assert(gives<nn::GELU, Shape<4, 2>, Shape<4, 2>>);

static_assert(gives<nn::BatchNorm1d<4>, Shape<4>, Shape<4>>);
static_assert(gives<nn::BatchNorm1d<4>, Shape<4, 9>, Shape<4, 9>>);
static_assert(!Takes<nn::BatchNorm1d<4>, Shape<5>>);
static_assert(!Takes<nn::BatchNorm1d<4>, Shape<9, 4>>);
static_assert(!Takes<nn::BatchNorm1d<4>, Shape<4, 3, 3>>);
static_assert(gives<nn::BatchNorm2d<4>, Shape<4, 3, 5>, Shape<4, 3, 5>>);
static_assert(!Takes<nn::BatchNorm2d<4>, Shape<3, 3, 4>>);
static_assert(!Takes<nn::BatchNorm2d<4>, Shape<4>>);

static_assert(gives<nn::LayerNorm<5>, Shape<5>, Shape<5>>);
static_assert(gives<nn::LayerNorm<5>, Shape<3, 5>, Shape<3, 5>>);
static_assert(gives<nn::LayerNorm<3, 5>, Shape<2, 3, 5>, Shape<2, 3, 5>>);
static_assert(!Takes<nn::LayerNorm<5>, Shape<5, 3>>);
static_assert(!Takes<nn::LayerNorm<3, 5>, Shape<5>>);
static_assert(!Takes<nn::LayerNorm<3, 5>, Shape<4, 5>>);

/// Names and numbers; of parameters whose gradients too, which a frozen one has not.
template <class Named>
void same(const Named& a, const Named& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(a[i].key());
        CHECK(a[i].key() == b[i].key());
        CHECK(torch::equal(a[i].value(), b[i].value()));
        CHECK(a[i].value().grad().defined() ==
              (b[i].value().requires_grad() && b[i].value().grad().defined()));
        if (a[i].value().grad().defined() && b[i].value().grad().defined()) {
            CHECK(torch::equal(a[i].value().grad(), b[i].value().grad()));
        }
    }
}
void same(torch::nn::Module& mine, torch::nn::Module& theirs) {
    same(mine.named_parameters(), theirs.named_parameters());
    same(mine.named_buffers(), theirs.named_buffers());
}

/// A static network, and LibTorch's of the same first weights.
template <class Net>
class Beside {
 public:
    template <class MakeTheirs>
    Beside(std::vector<std::int64_t> sample, std::int64_t classes, MakeTheirs make_theirs)
        : sample_(std::move(sample)), classes_(classes) {
        torch::manual_seed(11);
        mine = Net();
        torch::manual_seed(11);
        theirs = make_theirs();
        same(*mine, *theirs);
        torch::manual_seed(5);
        const at::NoGradGuard no_graph;  // lest a norm's weights be ones and its bias zeros
        for (std::size_t i = 0; i < mine->parameters().size(); ++i) {
            const at::Tensor change = at::randn_like(mine->parameters()[i]).mul_(0.3);
            mine->parameters()[i].add_(change);
            theirs->parameters()[i].add_(change);
        }
    }

    /// One batch: its output, its loss, its gradients and what they add up to, its buffers. They are those of the mode of the step,
    /// though the gradients be asked for in the other one.
    void batch(std::int64_t size, bool other_mode = false) {
        CAPTURE(size);
        CAPTURE(other_mode);
        std::vector<std::int64_t> sizes = sample_;
        sizes.insert(sizes.begin(), size);
        const at::Tensor x = at::randn(sizes);
        const at::Tensor kept = x.clone();
        const at::Tensor target = at::randint(classes_, {size}, at::kLong);
        const auto seed = static_cast<std::uint64_t>(100 + seed_++);

        torch::manual_seed(seed);
        const auto step = mine->template step<nn::CrossEntropy>(x, target);
        const at::Tensor mine_drew = at::randn({1});
        torch::manual_seed(seed);
        const at::Tensor y = theirs->forward(x);
        CHECK(torch::equal(mine_drew, at::randn({1})));  // the generator stands where LibTorch left it
        const at::Tensor loss = torch::nn::functional::cross_entropy(y, target);
        CHECK(torch::equal(mine->output(), y));
        CHECK(torch::equal(step.loss, loss));
        const bool training = mine->is_training();
        train(training != other_mode);
        step.backward(0.5);
        (loss / 2).backward();
        train(training);
        same(*mine, *theirs);
        CHECK(torch::equal(x, kept));  // nothing was computed in the caller's batch
    }
    /// The differentiable computation.
    void forward(std::int64_t size) {
        std::vector<std::int64_t> sizes = sample_;
        sizes.insert(sizes.begin(), size);
        const at::Tensor x = at::randn(sizes);
        torch::manual_seed(7);
        const at::Tensor y = mine->forward(x);
        torch::manual_seed(7);
        CHECK(torch::equal(y, theirs->forward(x)));
        CHECK(y.requires_grad());
        same(*mine, *theirs);
    }
    void zero_grad() {
        mine->zero_grad();
        theirs->zero_grad();
    }
    void train(bool on) {
        mine->train(on);
        theirs->train(on);
    }
    /// Batches of several sizes without zero_grad; then anew; in eval mode; and each parameter frozen, one at a time.
    void everything() {
        for (const std::int64_t size : {8, 8, 3, 20, 2}) {
            batch(size);
        }
        forward(4);
        zero_grad();
        batch(8);
        train(false);
        batch(8);
        batch(1);
        batch(4, true);
        forward(4);
        train(true);
        batch(8);
        batch(8, true);
        for (std::size_t i = 0; i < mine->parameters().size(); ++i) {
            CAPTURE(i);
            zero_grad();
            mine->parameters()[i].set_requires_grad(false);
            theirs->parameters()[i].set_requires_grad(false);
            batch(6);
            CHECK_FALSE(mine->parameters()[i].grad().defined());
            mine->parameters()[i].set_requires_grad(true);
            theirs->parameters()[i].set_requires_grad(true);
        }
    }

    Net mine{nullptr};
    torch::nn::Sequential theirs{nullptr};

 private:
    std::vector<std::int64_t> sample_;
    std::int64_t classes_;
    int seed_ = 0;
};

}  // namespace

TEST_SUITE("module/nn/layers") {
    TEST_CASE("a convolution, an activation in its output and a pooling are LibTorch's") {
        for (const int count : {1, 2}) {
            CAPTURE(count);
            const Threads threads(count);  // ATen takes other convolutions for one thread than for several
            using Net = nn::Sequential<Shape<1, 12, 12>, nn::Conv2d<1, 4, 3>, nn::ReLU, nn::MaxPool2d<2>,
                                       nn::Flatten, nn::Linear<100, 10>>;
            Beside<Net>({1, 12, 12}, 10, [] {
                return torch::nn::Sequential(torch::nn::Conv2d(1, 4, 3), torch::nn::ReLU(),
                                             torch::nn::MaxPool2d(2), torch::nn::Flatten(),
                                             torch::nn::Linear(100, 10));
            }).everything();
        }
    }

    TEST_CASE("pictures and weights in the order of channels_last give the same") {
        using Net =
            nn::Sequential<nn::Shape<1, 6, 6>, nn::Conv2d<1, 3, 3>, nn::BatchNorm2d<3>, nn::ReLU,
                           nn::Conv2d<3, 4, 3, 1, 1>, nn::ReLU, nn::Flatten, nn::Linear<4 * 4 * 4, 5>>;
        torch::manual_seed(5);
        const at::Tensor target = at::randint(5, {4}, at::kLong);
        // Grey pictures that are stored by rows of pixels are contiguous either way.
        const at::Tensor x = at::randn({4, 6, 6, 1}).permute({0, 3, 1, 2});
        Net plain, turned;
        {
            const at::NoGradGuard no_graph;
            for (const auto& parameter : turned->named_parameters()) {
                parameter.value().copy_(plain->named_parameters()[parameter.key()]);
                if (parameter.value().dim() == 4) {
                    parameter.value().set_data(parameter.value().contiguous(at::MemoryFormat::ChannelsLast));
                }
            }
        }
        const auto expected = plain->step<nn::CrossEntropy>(x.clone(at::MemoryFormat::Contiguous), target);
        expected.backward();
        for (Net* net : {&plain, &turned}) {
            (*net)->zero_grad();
            const auto step = (*net)->step<nn::CrossEntropy>(x, target);
            step.backward();
            CHECK(step.loss.item<double>() == doctest::Approx(expected.loss.item<double>()).epsilon(1e-6));
            const at::Tensor by_autograd = torch::nn::functional::cross_entropy((*net)->forward(x), target);
            const auto names = (*net)->named_parameters();
            std::vector<at::Tensor> parameters = (*net)->parameters();
            const auto gradients = torch::autograd::grad({by_autograd}, parameters);
            for (std::size_t i = 0; i < parameters.size(); ++i) {
                CHECK((parameters[i].grad() - gradients[i]).abs().max().item<double>() < 1e-6);
            }
        }
    }

    TEST_CASE("strides, padding, no bias, and several of each behind each other") {
        using Net =
            nn::Sequential<Shape<2, 9, 11>, nn::Conv2d<2, 3, 3, 2, 1, false>, nn::Tanh, nn::Conv2d<3, 4, 2>,
                           nn::AvgPool2d<3, 1, 1>, nn::ReLU, nn::MaxPool2d<3, 2, 1>, nn::Conv2d<4, 5, 1>,
                           nn::Flatten, nn::Linear<30, 3>>;
        Beside<Net>({2, 9, 11}, 3, [] {
            using torch::nn::Conv2dOptions;
            return torch::nn::Sequential(
                torch::nn::Conv2d(Conv2dOptions(2, 3, 3).stride(2).padding(1).bias(false)), torch::nn::Tanh(),
                torch::nn::Conv2d(3, 4, 2),
                torch::nn::AvgPool2d(torch::nn::AvgPool2dOptions(3).stride(1).padding(1)), torch::nn::ReLU(),
                torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(3).stride(2).padding(1)),
                torch::nn::Conv2d(4, 5, 1), torch::nn::Flatten(), torch::nn::Linear(30, 3));
        }).everything();
    }

    TEST_CASE("a pooling may be first, and a convolution behind it") {
        using Net = nn::Sequential<Shape<2, 8, 8>, nn::AvgPool2d<2>, nn::MaxPool2d<2, 1>, nn::Conv2d<2, 3, 3>,
                                   nn::Flatten>;
        Beside<Net>({2, 8, 8}, 3, [] {
            return torch::nn::Sequential(torch::nn::AvgPool2d(2),
                                         torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(2).stride(1)),
                                         torch::nn::Conv2d(2, 3, 3), torch::nn::Flatten());
        }).everything();
    }

    TEST_CASE("dropout draws what LibTorch's draws, and nothing in eval mode") {
        // First, where the batch must stay as it is; in the output of a Linear; behind an activation, in a buffer of its own.
        using Net = nn::Sequential<Shape<6>, nn::Dropout<0.2>, nn::Tanh, nn::Linear<6, 40>, nn::Dropout<0.3>,
                                   nn::ReLU, nn::Dropout<>, nn::Linear<40, 5>>;
        Beside<Net>({6}, 5, [] {
            return torch::nn::Sequential(torch::nn::Dropout(0.2), torch::nn::Tanh(), torch::nn::Linear(6, 40),
                                         torch::nn::Dropout(0.3), torch::nn::ReLU(), torch::nn::Dropout(),
                                         torch::nn::Linear(40, 5));
        }).everything();
    }

    TEST_CASE("dropout of nothing and of everything draws nothing") {
        using Net = nn::Sequential<nn::Linear<6, 7>, nn::Dropout<0.0>, nn::Tanh, nn::Linear<7, 7>,
                                   nn::Dropout<1.0>, nn::Linear<7, 5>>;
        Beside<Net>({6}, 5, [] {
            return torch::nn::Sequential(torch::nn::Linear(6, 7), torch::nn::Dropout(0.0), torch::nn::Tanh(),
                                         torch::nn::Linear(7, 7), torch::nn::Dropout(1.0),
                                         torch::nn::Linear(7, 5));
        }).everything();
    }

    TEST_CASE("batch norms of pictures and of numbers are LibTorch's, with their running means") {
        using Net = nn::Sequential<Shape<2, 6, 7>, nn::BatchNorm2d<2>, nn::Conv2d<2, 3, 3>,
                                   nn::BatchNorm2d<3>, nn::ReLU, nn::Flatten, nn::Linear<60, 8>,
                                   nn::BatchNorm1d<8>, nn::Sigmoid, nn::Linear<8, 4>>;
        Beside<Net> beside({2, 6, 7}, 4, [] {
            return torch::nn::Sequential(torch::nn::BatchNorm2d(2), torch::nn::Conv2d(2, 3, 3),
                                         torch::nn::BatchNorm2d(3), torch::nn::ReLU(), torch::nn::Flatten(),
                                         torch::nn::Linear(60, 8), torch::nn::BatchNorm1d(8),
                                         torch::nn::Sigmoid(), torch::nn::Linear(8, 4));
        });
        REQUIRE(beside.mine->buffers().size() == 9);
        const at::Tensor first = beside.mine->buffers()[0].clone();
        beside.everything();
        CHECK_FALSE(torch::equal(beside.mine->buffers()[0], first));
        CHECK(beside.mine->named_buffers()["2.num_batches_tracked"].item<std::int64_t>() > 7);
    }

    TEST_CASE("callbacks find its batch norms, which follow what they change") {
        using Net = nn::Sequential<nn::Linear<6, 5>, nn::BatchNorm1d<5>, nn::Tanh, nn::Linear<5, 4>>;
        Beside<Net> beside({6}, 4, [] {
            return torch::nn::Sequential(torch::nn::Linear(6, 5), torch::nn::BatchNorm1d(5),
                                         torch::nn::Tanh(), torch::nn::Linear(5, 4));
        });
        beside.batch(8);
        lit::detail::BatchNormStatistics mine, theirs;  // plain means, as for averaged weights
        mine.reset(*beside.mine);
        theirs.reset(*beside.theirs);
        CHECK(beside.mine->named_buffers()["1.running_mean"].abs().max().item<double>() == 0.0);
        beside.batch(8);
        beside.batch(3);
        CHECK(beside.mine->named_buffers()["1.num_batches_tracked"].item<std::int64_t>() == 2);
        mine.restore_momenta();
        theirs.restore_momenta();
        const at::Tensor held = beside.mine->named_buffers()["1.running_mean"].clone();
        for (const bool hold : {true, false}) {  // as for a frozen backbone
            lit::detail::hold_running_stats(*beside.mine->children()[1], hold);
            lit::detail::hold_running_stats(*beside.theirs->children()[1], hold);
            beside.batch(8);
            CHECK(torch::equal(beside.mine->named_buffers()["1.running_mean"], held) == hold);
        }
    }

    TEST_CASE("a batch norm of sequences is LibTorch's") {
        using Net = nn::Sequential<Shape<3, 5>, nn::BatchNorm1d<3>, nn::Flatten, nn::Linear<15, 4>>;
        Beside<Net>({3, 5}, 4, [] {
            return torch::nn::Sequential(torch::nn::BatchNorm1d(3), torch::nn::Flatten(),
                                         torch::nn::Linear(15, 4));
        }).everything();
    }

    TEST_CASE("layer norms of the last sizes and GELU are LibTorch's") {
        using Net = nn::Sequential<Shape<4, 6>, nn::LayerNorm<6>, nn::GELU, nn::LayerNorm<4, 6>, nn::Tanh,
                                   nn::Flatten, nn::Linear<24, 9>, nn::GELU, nn::Dropout<0.1>,
                                   nn::Linear<9, 9>, nn::LayerNorm<9>, nn::ReLU, nn::Linear<9, 5>>;
        Beside<Net>({4, 6}, 5, [] {
            return torch::nn::Sequential(
                torch::nn::LayerNorm(torch::nn::LayerNormOptions({6})), torch::nn::GELU(),
                torch::nn::LayerNorm(torch::nn::LayerNormOptions({4, 6})), torch::nn::Tanh(),
                torch::nn::Flatten(), torch::nn::Linear(24, 9), torch::nn::GELU(), torch::nn::Dropout(0.1),
                torch::nn::Linear(9, 9), torch::nn::LayerNorm(torch::nn::LayerNormOptions({9})),
                torch::nn::ReLU(), torch::nn::Linear(9, 5));
        }).everything();
    }

    TEST_CASE("a batch norm in training refuses one value per channel, and counts nothing") {
        nn::Sequential<Shape<3>, nn::BatchNorm1d<3>> net;
        const at::Tensor x = at::randn({1, 3});
        const at::Tensor target = at::zeros({1}, at::kLong);
        CHECK_THROWS_WITH_AS(
            static_cast<void>(net->step<nn::CrossEntropy>(x, target)),
            doctest::Contains("found a batch of one sample with one value per channel, while training"),
            lit::ConfigError);
        CHECK_THROWS_AS(net->forward(x), lit::ConfigError);
        CHECK(net->named_buffers()["0.num_batches_tracked"].item<std::int64_t>() == 0);
        net->eval();
        CHECK_NOTHROW(static_cast<void>(net->step<nn::CrossEntropy>(x, target)));
    }
}
