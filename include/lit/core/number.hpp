// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>

namespace lit {

/// One logged value: a double, or a tensor of one element that stays on its device until somebody reads it.
///
/// Shapes  a tensor has exactly one element, of any shape.
/// Errors  lit::Error for a tensor with more elements, or of a type that has no order (complex).
/// Cost    a CPU tensor is read at once through its pointer; a tensor elsewhere is kept (detached, cloned), and
///         `value()` waits for its device the first time.
class Number {
 public:
    Number() = default;
    template <class Real>
        requires std::floating_point<Real> || std::integral<Real>
    Number(Real value) : value_(static_cast<double>(value)) {}  // NOLINT: it is one
    Number(const at::Tensor& tensor);                           // NOLINT: it is one

    [[nodiscard]] bool on_device() const { return tensor_.defined(); }
    [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }
    [[nodiscard]] double value() const {
        if (tensor_.defined()) {
            wait_for_device();
        }
        return value_;
    }

 private:
    static double read(const at::Tensor& tensor);
    void wait_for_device() const;

    mutable double value_ = 0.0;
    mutable at::Tensor tensor_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/number.hpp>
#endif
