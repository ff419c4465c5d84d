// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/mse_loss_backward.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <c10/core/ScalarType.h>

#include <cstdint>

namespace lit::nn {

namespace detail {

/// A 0-dim tensor of a number that seldom changes.
class Scale {
 public:
    const at::Tensor& of(double value, const at::Tensor& kind) {
        if (!tensor_.defined() || value != value_ || tensor_.device() != kind.device() ||
            tensor_.scalar_type() != kind.scalar_type()) {
            tensor_ = at::full({}, value, kind.options());
            value_ = value;
        }
        return tensor_;
    }

 private:
    at::Tensor tensor_;
    double value_ = 0.0;
};

}  // namespace detail

/// The mean of -log softmax(y)[target] over the batch.
///
/// Shapes  y [batch, classes], target [batch] of int64; the loss is 0-dim.
/// Source  `torch.nn.CrossEntropyLoss()`, without weights and smoothing; a target of -100 is passed over.
struct CrossEntropy {
    class State {
     public:
        at::Tensor run(const at::Tensor& y, const at::Tensor& target) {
            at::_log_softmax_out(log_p_.like(y), y, 1, false);
            at::Tensor loss = at::empty({}, y.options());
            at::nll_loss_forward_out(loss, weight_.sized({}, y), log_p_.get(), target, {}, mean, passed_over);
            return loss;
        }
        /// `scale` times the gradient of the loss by y.
        at::Tensor& back(const at::Tensor& y, const at::Tensor& target, double scale) {
            at::Tensor& by_log_p = by_log_p_.like(y);
            at::nll_loss_backward_out(by_log_p, scale_.of(scale, y), log_p_.get(), target, {}, mean,
                                      passed_over, weight_.get());
            at::Tensor& dy = dy_.like(y);
            at::_log_softmax_backward_data_out(dy, by_log_p, log_p_.get(), 1, y.scalar_type());
            return dy;
        }

     private:
        static constexpr std::int64_t mean = 1;
        static constexpr std::int64_t passed_over = -100;
        detail::Buffer log_p_, weight_, by_log_p_, dy_;
        detail::Scale scale_;
    };
};

/// The mean of (y - target)^2 over all numbers.
///
/// Shapes  y and target alike; the loss is 0-dim.
/// Source  `torch.nn.MSELoss()`.
struct MSELoss {
    class State {
     public:
        static at::Tensor run(const at::Tensor& y, const at::Tensor& target) {
            return at::mse_loss(y, target, mean);
        }
        at::Tensor& back(const at::Tensor& y, const at::Tensor& target, double scale) {
            at::Tensor& dy = dy_.like(y);
            at::mse_loss_backward_out(dy, scale_.of(scale, y), y, target, mean);
            return dy;
        }

     private:
        static constexpr std::int64_t mean = 1;
        detail::Buffer dy_;
        detail::Scale scale_;
    };
};

}  // namespace lit::nn
