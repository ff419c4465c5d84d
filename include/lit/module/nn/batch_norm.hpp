// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>

#include <array>
#include <cstdint>
#include <sstream>
#include <tuple>
#include <utility>

namespace lit::nn {

namespace detail {

/// Both batch norms: they differ in the shapes that they take. `Made` is LibTorch's layer.
template <class Made, std::int64_t Channels>
class BatchNormState {
 public:
    static constexpr bool gives_away = true;

    explicit BatchNormState(torch::nn::Module& owner) : owner_(&owner) {
        const Made made(Channels);  // with its defaults
        momentum_ = made->options.momentum().value();
        eps_ = made->options.eps();
        weight_ = owner.register_parameter("weight", made->weight.detach());
        bias_ = owner.register_parameter("bias", made->bias.detach());
        running_mean_ = owner.register_buffer("running_mean", made->running_mean);
        running_var_ = owner.register_buffer("running_var", made->running_var);
        num_batches_tracked_ = owner.register_buffer("num_batches_tracked", made->num_batches_tracked);
    }
    [[nodiscard]] at::Tensor forward(const at::Tensor& x) {
        const bool training = counts(x);
        return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, training, momentum_, eps_,
                              at::globalContext().userEnabledCuDNN());
    }

    at::Tensor& run(const at::Tensor& x) {
        trained_ = counts(x);
        at::Tensor& y = y_.like(x);
        at::native_batch_norm_out(y, mean_.like(running_mean_), inverse_std_.like(running_var_), x, weight_,
                                  bias_, running_mean_, running_var_, trained_, momentum_, eps_);
        return y;
    }
    void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
        const std::array<bool, 3> asked{dx != nullptr, weight_.requires_grad(), bias_.requires_grad()};
        if (asked == std::array<bool, 3>{}) {
            return;
        }
        // The variant with `out` computes into tensors of its own, and copies.
        auto by = at::native_batch_norm_backward(dy, x, weight_, running_mean_, running_var_, mean_.get(),
                                                 inverse_std_.get(), trained_, eps_, asked);
        if (asked[0]) {
            *dx = std::move(std::get<0>(by));
        }
        if (asked[1]) {
            of_weight_.write(weight_, [&](at::Tensor& grad) { grad = std::get<1>(by); });
        }
        if (asked[2]) {
            of_bias_.write(bias_, [&](at::Tensor& grad) { grad = std::get<2>(by); });
        }
    }
    /// Undefined until back() has computed it.
    at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

 private:
    /// Whether it is training; then the batch is counted.
    bool counts(const at::Tensor& x) {
        const bool training = owner_->is_training();
        if (training) {
            if (x.numel() == Channels) {
                std::ostringstream text;
                text << "lit::nn::BatchNorm: found a batch of the sizes " << x.sizes()
                     << ", one value per channel, while training; expected more, for their variance. Leave "
                        "out a last batch of one "
                        "sample with DataLoader's drop_last, or call eval().";
                throw ConfigError(text.str());
            }
            num_batches_tracked_.add_(1);
        }
        return training;
    }

    torch::nn::Module* owner_;
    double momentum_, eps_;
    bool trained_ = false;  ///< the mode of the last step: back() is asked after it may have changed
    at::Tensor weight_, bias_, running_mean_, running_var_, num_batches_tracked_, dx_;
    Buffer y_, mean_, inverse_std_;
    Gradient of_weight_, of_bias_;
};

template <class Input, std::int64_t Channels>
struct BatchNormed1d {
    using type = void;
};
template <std::int64_t Channels>
struct BatchNormed1d<Shape<Channels>, Channels> {
    using type = Shape<Channels>;
};
template <std::int64_t Channels, std::int64_t Length>
struct BatchNormed1d<Shape<Channels, Length>, Channels> {
    using type = Shape<Channels, Length>;
};

template <class Input, std::int64_t Channels>
struct BatchNormed2d {
    using type = void;
};
template <std::int64_t Channels, std::int64_t Height, std::int64_t Width>
struct BatchNormed2d<Shape<Channels, Height, Width>, Channels> {
    using type = Shape<Channels, Height, Width>;
};

}  // namespace detail

/// Each channel less its mean, over its standard deviation: those of the batch while training, in eval mode the running ones. Then
/// y = x weight + bias.
///
/// Shapes  x and y [batch, Channels] or [batch, Channels, length]; weight, bias, running_mean and running_var [Channels].
/// Errors  ConfigError while training for one value per channel.
/// Cost    the gradients are allocated in each step: ATen has none into given buffers that would not copy.
/// Source  `torch.nn.BatchNorm1d` with its defaults (eps 1e-5, momentum 0.1), its buffers included.
template <std::int64_t Channels>
struct BatchNorm1d {
    static_assert(Channels > 0, "lit: the channels of a BatchNorm1d have to be positive.");

    template <class Input>
    using output = typename detail::BatchNormed1d<Input, Channels>::type;
    template <class Input>
    using State = detail::BatchNormState<torch::nn::BatchNorm1d, Channels>;
};

/// As `BatchNorm1d`, of pictures.
///
/// Shapes  x and y [batch, Channels, height, width]; weight, bias, running_mean and running_var [Channels].
/// Errors  ConfigError while training for one value per channel.
/// Cost    the gradients are allocated in each step.
/// Source  `torch.nn.BatchNorm2d` with its defaults (eps 1e-5, momentum 0.1), its buffers included.
template <std::int64_t Channels>
struct BatchNorm2d {
    static_assert(Channels > 0, "lit: the channels of a BatchNorm2d have to be positive.");

    template <class Input>
    using output = typename detail::BatchNormed2d<Input, Channels>::type;
    template <class Input>
    using State = detail::BatchNormState<torch::nn::BatchNorm2d, Channels>;
};

}  // namespace lit::nn
