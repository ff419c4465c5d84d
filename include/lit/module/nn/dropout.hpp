// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/detail/elementwise.hpp>
#include <lit/module/nn/layer.hpp>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cstdint>

namespace lit::nn {

/// While training, puts each number to zero with the probability `P` and divides the others by 1 - P; in eval mode it does
/// nothing. `Dropout<0.2>`, or `Dropout<>` for one half; of any shape.
///
/// Source  `torch.nn.Dropout`: on the CPU it draws the same numbers from the same generator, in the order in which they lie in
///         memory: where batch or weights are in that of channels_last, forward() and step() drop others. On a GPU LibTorch's
///         forward() has a kernel of its own, and step() draws others.
template <double P = 0.5>
struct Dropout {
    static_assert(P >= 0.0 && P <= 1.0, "lit: the P of a Dropout is a probability, from 0 to 1.");

    template <class Input>
    using output = Input;

    template <class Input>
    class State {
     public:
        static constexpr bool gives_away = false;  // where nothing is dropped, it is the input

        explicit State(torch::nn::Module& owner) : owner_(&owner) {}
        [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
            return at::dropout(x, P, owner_->is_training());
        }

        at::Tensor& run(at::Tensor& x) {
            if (!draw(x)) {
                return x;
            }
            at::mul_out(x, x, factors_.get());
            return x;
        }
        at::Tensor& run(const at::Tensor& x) {
            if (!draw(x)) {
                same_ = x;
                return same_;
            }
            at::Tensor& y = y_.like(x);
            at::mul_out(y, x, factors_.get());
            return y;
        }
        void back(const at::Tensor& /*x*/, const at::Tensor& /*y*/, at::Tensor& dy, at::Tensor* dx) {
            if (dropped_) {
                at::mul_out(*dx, dy, factors_.get());
            }
        }
        static at::Tensor& gradient_of_input(const at::Tensor& /*x*/, at::Tensor& dy) { return dy; }

        static constexpr bool in_place = true;
        void own(const float* x, float* y, std::int64_t batch) {
            const std::int64_t count = batch * Input::numel;
            dropped_ = P > 0.0 && owner_->is_training();
            if (!dropped_) {
                if (x != y) {
                    std::copy_n(x, count, y);
                }
                return;
            }
            if (!detail::writable(kept_) || kept_.size(0) != count) {
                kept_ = at::empty({count}, at::kFloat);
            }
            const at::AutoDispatchBelowADInplaceOrView straight;
            if constexpr (P < 1.0) {
                kept_.bernoulli_(1 - P);
            } else {
                kept_.zero_();
            }
            keep(count, x, y);
        }
        void own_back(const float* /*x*/, const float* /*y*/, float* dy, float* /*dx*/, std::int64_t batch) {
            if (dropped_) {
                keep(batch * Input::numel, dy, dy);
            }
        }

     private:
        /// Whether something is dropped; back() is asked after the mode may have changed.
        bool draw(const at::Tensor& x) {
            dropped_ = P > 0.0 && owner_->is_training();
            if (dropped_) {
                if constexpr (P < 1.0) {
                    factors_.like(x).bernoulli_(1 - P).div_(1 - P);
                } else {
                    factors_.sized({}, x).zero_();  // LibTorch draws nothing here either
                }
            }
            return dropped_;
        }

        void keep(std::int64_t count, const float* x, float* y) const {
            detail::zip<detail::DropoutKernel<P>>(count, x, static_cast<const float*>(kept_.const_data_ptr()),
                                                  y);
        }

        torch::nn::Module* owner_;
        bool dropped_ = false;
        at::Tensor same_;
        detail::Buffer y_, factors_;
        at::Tensor kept_;  ///< of own(): 1, or 0 where a number is dropped
    };
};

}  // namespace lit::nn
