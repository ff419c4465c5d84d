// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/module/nn/detail/channels.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/modules/batchnorm.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit::nn {

namespace detail {

/// Both batch norms: they differ in the shapes that they take. `Made` is LibTorch's layer, whose settings and statistics are looked
/// at in each step, since callbacks change them.
template <class Made, class Input>
class BatchNormState {
 public:
    static constexpr bool gives_away = true;

    explicit BatchNormState(Made made) : made_(std::move(made)), parameters_(made_->weight, made_->bias) {}
    [[nodiscard]] at::Tensor forward(const at::Tensor& x) {
        check(x.size(0));
        return made_->forward(x);
    }

    at::Tensor& run(const at::Tensor& x) {
        check(x.size(0));
        trained_ = made_->is_training();
        at::Tensor& y = y_.like(x);
        const double share = momentum();
        if (x.size(0) != 0) {  // ATen refuses a batch of nothing, though its differentiable form takes one
            at::native_batch_norm_out(y, mean_.like(made_->running_mean),
                                      inverse_std_.like(made_->running_var), x, parameters_.weight,
                                      parameters_.bias, made_->running_mean, made_->running_var, trained_,
                                      share, made_->options.eps());
        }
        return y;
    }
    void back(const at::Tensor& x, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
        // The variant with `out` computes into tensors of its own, and copies.
        parameters_.back(dx, [&](std::array<bool, 3> asked) {
            if (x.size(0) == 0) {
                return std::tuple{at::empty_like(x), at::zeros_like(parameters_.weight),
                                  at::zeros_like(parameters_.bias)};
            }
            return at::native_batch_norm_backward(dy, x, parameters_.weight, made_->running_mean,
                                                  made_->running_var, mean_.get(), inverse_std_.get(),
                                                  trained_, made_->options.eps(), asked);
        });
    }
    /// Undefined until back() has computed it.
    at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& /*dy*/) { return dx_; }

    static constexpr bool in_place = false;
    void own(const float* x, float* y, std::int64_t batch) {
        check(batch);
        trained_ = made_->is_training();
        const double share = momentum();
        const float* from = x;
        float* to = y;
        if constexpr (plane == 1) {
            x_turned_.resize(static_cast<std::size_t>(batch * channels));
            turned_.resize(x_turned_.size());
            turn(batch, channels, x, x_turned_.data());
            from = x_turned_.data();
            to = turned_.data();
        }
        if (trained_ && batch > 0) {
            channel_moments(layout(batch), from, own_mean_.data(), own_variance_.data());
            remember(batch, static_cast<float>(share));
        } else {
            std::copy_n(running_mean_.of(made_->running_mean), channels, own_mean_.data());
            std::copy_n(running_var_.of(made_->running_var), channels, own_variance_.data());
        }
        std::ranges::transform(own_variance_, own_inverse_std_.data(), [&](float variance) {
            return static_cast<float>(1.0 / std::sqrt(variance + made_->options.eps()));
        });
        channel_norm(layout(batch), from, own_mean_.data(), own_inverse_std_.data(),
                     weight_.of(parameters_.weight), bias_.of(parameters_.bias), to);
        if constexpr (plane == 1) {
            turn(channels, batch, to, y);
        }
    }
    void own_back(const float* x, const float* /*y*/, const float* dy, float* dx, std::int64_t batch) {
        const float* from = x;
        const float* by_output = dy;
        float* to = dx;
        if constexpr (plane == 1) {
            turn(batch, channels, dy, turned_.data());
            from = x_turned_.data();
            by_output = turned_.data();
            to = dx == nullptr ? nullptr : turned_.data();
        }
        std::array<float, channels> by_weight, by_bias;
        channel_norm_back(layout(batch), from, own_mean_.data(), own_inverse_std_.data(),
                          weight_.of(parameters_.weight), trained_, by_output, to, by_weight.data(),
                          by_bias.data());
        parameters_.write_weight([&](float* grad) { std::ranges::copy(by_weight, grad); });
        parameters_.write_bias([&](float* grad) { std::ranges::copy(by_bias, grad); });
        if constexpr (plane == 1) {
            if (dx != nullptr) {
                turn(channels, batch, to, dx);
            }
        }
    }

 private:
    static constexpr std::int64_t channels = Input::sizes[0];
    static constexpr std::int64_t plane = Input::numel / channels;

    static constexpr Channels layout(std::int64_t batch) {
        if constexpr (plane == 1) {
            return {channels, batch, 1, batch, 0};
        } else {
            return {channels, plane, batch, plane, channels * plane};
        }
    }
    /// to[c, r] = from[r, c].
    static void turn(std::int64_t rows, std::int64_t columns, const float* from, float* to) {
        for (std::int64_t r = 0; r < rows; ++r) {
            for (std::int64_t c = 0; c < columns; ++c) {
                to[c * rows + r] = *from++;
            }
        }
    }
    /// Moves the running statistics towards those of the batch.
    void remember(std::int64_t batch, float share) {
        const auto numbers = static_cast<float>(batch * plane);
        const auto move = [&](const at::Tensor& running, const float* to, float factor) {
            auto* value = running.mutable_data_ptr<float>();
            for (std::int64_t c = 0; c < channels; ++c, value += running.stride(0)) {
                *value = share * factor * to[c] + (1.0F - share) * *value;
            }
        };
        move(made_->running_mean, own_mean_.data(), 1.0F);
        move(made_->running_var, own_variance_.data(), numbers / (numbers - 1.0F));
    }
    void check(std::int64_t batch) const {
        if (batch * Input::numel == channels && made_->is_training()) {
            throw ConfigError(
                "lit::nn::BatchNorm: found a batch of one sample with one value per channel, while training; "
                "expected more, for their variance. Leave out a last batch of one sample with DataLoader's "
                "drop_last, or call eval().");
        }
    }
    /// As LibTorch's forward() does it: counts the batch while training; without a momentum the statistics are plain means.
    double momentum() {
        const std::optional<double> set = made_->options.momentum();
        at::Tensor& batches = made_->num_batches_tracked;
        if (trained_ && batches.defined()) {
            if (batches.is_cpu() && batches.scalar_type() == at::kLong) {
                ++*batches.template mutable_data_ptr<std::int64_t>();
            } else {  // Module::to(type) of LibTorch converts it too
                batches.add_(1);
            }
            if (!set) {
                return 1.0 / batches.template item<double>();
            }
        }
        return set.value_or(0.0);
    }

    Made made_;
    WeightAndBias parameters_;
    bool trained_ = false;  ///< the mode of the last step: back() is asked after it may have changed
    at::Tensor dx_;
    Buffer y_, mean_, inverse_std_;
    Floats weight_, bias_, running_mean_, running_var_;  ///< of own()
    std::array<float, channels> own_mean_{}, own_variance_{}, own_inverse_std_{};
    std::vector<float> x_turned_, turned_;  ///< by channels, where a sample has one number of each
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
/// Cost    the gradients are allocated in each step, without OwnKernels: ATen has none into given buffers that would not copy.
/// Source  `torch.nn.BatchNorm1d` with its defaults (eps 1e-5, momentum 0.1), its buffers included.
template <std::int64_t Channels>
struct BatchNorm1d {
    static_assert(Channels > 0, "lit: the channels of a BatchNorm1d have to be positive.");

    template <class Input>
    using output = std::conditional_t<detail::has_channels<Input, Channels, 1, 2>(), Input, void>;
    static torch::nn::BatchNorm1d make() { return torch::nn::BatchNorm1d(Channels); }
    template <class Input>
    using State = detail::BatchNormState<torch::nn::BatchNorm1d, Input>;
};

/// As `BatchNorm1d`, of pictures.
///
/// Shapes  x and y [batch, Channels, height, width]; weight, bias, running_mean and running_var [Channels].
/// Errors  ConfigError while training for one value per channel.
/// Cost    the gradients are allocated in each step, without OwnKernels.
/// Source  `torch.nn.BatchNorm2d` with its defaults (eps 1e-5, momentum 0.1), its buffers included.
template <std::int64_t Channels>
struct BatchNorm2d {
    static_assert(Channels > 0, "lit: the channels of a BatchNorm2d have to be positive.");

    template <class Input>
    using output = std::conditional_t<detail::has_channels<Input, Channels, 3>(), Input, void>;
    static torch::nn::BatchNorm2d make() { return torch::nn::BatchNorm2d(Channels); }
    template <class Input>
    using State = detail::BatchNormState<torch::nn::BatchNorm2d, Input>;
};

}  // namespace lit::nn
