// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/module/nn/detail/softmax.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/mse_loss_backward.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lit::nn {

namespace detail {

/// A 0-dim tensor of a number that seldom changes.
class Scale {
 public:
    const at::Tensor& of(double value, const at::Tensor& kind) {
        if (!writable(tensor_) || value != value_ || tensor_.device() != kind.device() ||
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
            at::Tensor& loss = loss_.sized({}, y);
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

        /// Whether own() can read this target.
        static bool owns(const at::Tensor& y, const at::Tensor& target) {
            return y.dim() == 2 && target.dim() == 1 && target.size(0) == y.size(0) &&
                   target.scalar_type() == at::kLong && target.device().is_cpu() && target.is_contiguous() &&
                   detail::holds_numbers(target);
        }
        template <std::int64_t Classes>
        at::Tensor own(const at::Tensor& y, const at::Tensor& target) {
            const std::int64_t batch = y.size(0);
            const float* scores = static_cast<const float*>(y.const_data_ptr());
            const std::int64_t* wanted = static_cast<const std::int64_t*>(target.const_data_ptr());
            p_.resize(static_cast<std::size_t>(batch * Classes));
            parts_.resize(static_cast<std::size_t>(batch));
            detail::softmax<Classes>(batch, scores, p_.data(), parts_.data());
            double sum = 0.0;
            counted_ = 0;
            for (std::int64_t m = 0; m < batch; ++m) {
                if (wanted[m] == passed_over) {
                    continue;
                }
                if (wanted[m] < 0 || wanted[m] >= Classes) {
                    throw Error("lit::nn::CrossEntropy: found the target " + std::to_string(wanted[m]) +
                                " at sample " + std::to_string(m) +
                                " of the batch; expected a class from 0 to " + std::to_string(Classes - 1) +
                                ", or -100 to pass over it.");
                }
                const detail::LogSum& part = parts_[static_cast<std::size_t>(m)];
                sum += part.log_sum - (scores[m * Classes + wanted[m]] - part.largest);
                ++counted_;
            }
            at::Tensor& loss = loss_.sized({}, y);
            *loss.mutable_data_ptr<float>() = static_cast<float>(sum / static_cast<double>(counted_));
            return loss;
        }
        template <std::int64_t Classes>
        void own_back(const at::Tensor& /*y*/, const at::Tensor& target, double scale, float* dy) const {
            const std::int64_t batch = target.size(0);
            const std::int64_t* wanted = static_cast<const std::int64_t*>(target.const_data_ptr());
            const float factor = static_cast<float>(scale / static_cast<double>(counted_));
            for (std::int64_t m = 0; m < batch; ++m) {
                const bool passed = wanted[m] == passed_over;
                for (std::int64_t n = 0; n < Classes; ++n) {
                    const float p = p_[static_cast<std::size_t>(m * Classes + n)];
                    dy[m * Classes + n] = passed ? 0.0F : (n == wanted[m] ? p - 1.0F : p) * factor;
                }
            }
        }

     private:
        static constexpr std::int64_t mean = 1;
        static constexpr std::int64_t passed_over = -100;
        detail::Buffer log_p_, weight_, by_log_p_, dy_;
        detail::Scale scale_;
        detail::Given loss_;
        std::vector<float> p_;  ///< of own()
        std::vector<detail::LogSum> parts_;
        std::int64_t counted_ = 0;
    };
};

/// The mean of (y - target)^2 over all numbers.
///
/// Shapes  y and target alike; the loss is 0-dim.
/// Errors  ConfigError for others.
/// Source  `torch.nn.MSELoss()`.
struct MSELoss {
    class State {
     public:
        static at::Tensor run(const at::Tensor& y, const at::Tensor& target) {
            if (target.sizes() != y.sizes()) {
                refuse(y, target);
            }
            return at::mse_loss(y, target, mean);  // its out-variant first resizes to the sizes of y
        }
        at::Tensor& back(const at::Tensor& y, const at::Tensor& target, double scale) {
            at::Tensor& dy = dy_.like(y);
            at::mse_loss_backward_out(dy, scale_.of(scale, y), y, target, mean);
            return dy;
        }

        static bool owns(const at::Tensor& y, const at::Tensor& target) {
            return target.sizes() == y.sizes() && target.scalar_type() == at::kFloat &&
                   target.device().is_cpu() && target.is_contiguous() && detail::holds_numbers(target);
        }
        template <std::int64_t Numel>
        at::Tensor own(const at::Tensor& y, const at::Tensor& target) {
            const float* given = static_cast<const float*>(y.const_data_ptr());
            const float* wanted = static_cast<const float*>(target.const_data_ptr());
            const std::int64_t count = y.size(0) * Numel;
            double sum = 0.0;
            for (std::int64_t i = 0; i < count; ++i) {
                const double off = given[i] - wanted[i];
                sum += off * off;
            }
            at::Tensor& loss = loss_.sized({}, y);
            *loss.mutable_data_ptr<float>() = static_cast<float>(sum / static_cast<double>(count));
            return loss;
        }
        template <std::int64_t Numel>
        static void own_back(const at::Tensor& y, const at::Tensor& target, double scale, float* dy) {
            const float* given = static_cast<const float*>(y.const_data_ptr());
            const float* wanted = static_cast<const float*>(target.const_data_ptr());
            const std::int64_t count = y.size(0) * Numel;
            const float factor = static_cast<float>(2.0 * scale / static_cast<double>(count));
            for (std::int64_t i = 0; i < count; ++i) {
                dy[i] = (given[i] - wanted[i]) * factor;
            }
        }

     private:
        /// LibTorch's spreads the smaller one over the other, as [batch] over [batch, 1], and warns.
        [[noreturn]] static void refuse(const at::Tensor& y, const at::Tensor& target) {
            std::ostringstream text;
            text << "lit::nn::MSELoss: found a target of the sizes " << target.sizes()
                 << "; expected those of the output, " << y.sizes()
                 << ". Give it that shape, for instance with target.view_as(output).";
            throw ConfigError(text.str());
        }

        static constexpr std::int64_t mean = 1;
        detail::Buffer dy_;
        detail::Scale scale_;
        detail::Given loss_;
    };
};

}  // namespace lit::nn
