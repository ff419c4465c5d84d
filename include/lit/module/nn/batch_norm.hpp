// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <torch/nn/modules/batchnorm.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <type_traits>
#include <utility>

namespace lit::nn {

namespace detail {

/// Both batch norms: they differ in the shapes that they take. `Made` is LibTorch's layer, whose settings and statistics are looked
/// at in each step, since callbacks change them.
template <class Made, std::int64_t Channels>
class BatchNormState {
 public:
    static constexpr bool gives_away = true;

    explicit BatchNormState(Made made) : made_(std::move(made)), parameters_(made_->weight, made_->bias) {}
    [[nodiscard]] at::Tensor forward(const at::Tensor& x) {
        check(x);
        return made_->forward(x);
    }

    at::Tensor& run(const at::Tensor& x) {
        check(x);
        trained_ = made_->is_training();
        at::Tensor& y = y_.like(x);
        at::native_batch_norm_out(y, mean_.like(made_->running_mean), inverse_std_.like(made_->running_var),
                                  x, parameters_.weight, parameters_.bias, made_->running_mean,
                                  made_->running_var, trained_, momentum(), made_->options.eps());
        return y;
    }
    void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
        // The variant with `out` computes into tensors of its own, and copies.
        parameters_.back(dx, [&](std::array<bool, 3> asked) {
            return at::native_batch_norm_backward(dy, x, parameters_.weight, made_->running_mean,
                                                  made_->running_var, mean_.get(), inverse_std_.get(),
                                                  trained_, made_->options.eps(), asked);
        });
    }
    /// Undefined until back() has computed it.
    at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

 private:
    void check(const at::Tensor& x) const {
        if (x.numel() == Channels && made_->is_training()) {
            std::ostringstream text;
            text << "lit::nn::BatchNorm: found a batch of the sizes " << x.sizes()
                 << ", one value per channel, while training; expected more, for their variance. Leave out a "
                    "last batch of one sample with DataLoader's drop_last, or call eval().";
            throw ConfigError(text.str());
        }
    }
    /// As LibTorch's forward() does it: counts the batch while training; without a momentum the statistics are plain means.
    double momentum() {
        const std::optional<double> set = made_->options.momentum();
        if (trained_ && made_->num_batches_tracked.defined()) {
            made_->num_batches_tracked.add_(1);
            if (!set) {
                return 1.0 / made_->num_batches_tracked.template item<double>();
            }
        }
        return set.value_or(0.0);
    }

    Made made_;
    WeightAndBias parameters_;
    bool trained_ = false;  ///< the mode of the last step: back() is asked after it may have changed
    at::Tensor dx_;
    Buffer y_, mean_, inverse_std_;
};

/// Whether a shape begins with these channels and has one of these numbers of sizes.
template <class Input, std::int64_t Channels, std::size_t... Sizes>
consteval bool has_channels() {
    if constexpr (((Input::sizes.size() == Sizes) || ...)) {
        return Input::sizes[0] == Channels;
    }
    return false;
}

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
    using output = std::conditional_t<detail::has_channels<Input, Channels, 1, 2>(), Input, void>;
    static torch::nn::BatchNorm1d make() { return torch::nn::BatchNorm1d(Channels); }
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
    using output = std::conditional_t<detail::has_channels<Input, Channels, 3>(), Input, void>;
    static torch::nn::BatchNorm2d make() { return torch::nn::BatchNorm2d(Channels); }
    template <class Input>
    using State = detail::BatchNormState<torch::nn::BatchNorm2d, Channels>;
};

}  // namespace lit::nn
