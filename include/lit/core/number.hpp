// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <concepts>
#include <string>
#include <utility>

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
    Number(const at::Tensor& tensor) {                          // NOLINT: it is one
        if (!tensor.defined() || tensor.numel() != 1) {
            throw Error("log: a value has to be one number, found a tensor " +
                        (tensor.defined() ? "of " + std::to_string(tensor.numel()) + " elements" : "without content") +
                        ". Reduce it first, for instance with .mean().");
        }
        if (tensor.is_cpu()) {
            value_ = read(tensor);
        } else {
            tensor_ = tensor.detach().clone();
        }
    }

    [[nodiscard]] bool on_device() const { return tensor_.defined(); }
    [[nodiscard]] const at::Tensor& tensor() const { return tensor_; }
    [[nodiscard]] double value() const {
        if (tensor_.defined()) {
            value_ = read(tensor_.cpu());
            tensor_.reset();
        }
        return value_;
    }

 private:
    static double read(const at::Tensor& tensor) {
        const void* data = tensor.const_data_ptr();
        switch (tensor.scalar_type()) {
            case at::kFloat:
                return static_cast<double>(*static_cast<const float*>(data));
            case at::kDouble:
                return *static_cast<const double*>(data);
            case at::kLong:
                return static_cast<double>(*static_cast<const std::int64_t*>(data));
            case at::kInt:
                return static_cast<double>(*static_cast<const std::int32_t*>(data));
            case at::kShort:
                return static_cast<double>(*static_cast<const std::int16_t*>(data));
            case at::kByte:
                return static_cast<double>(*static_cast<const std::uint8_t*>(data));
            case at::kChar:
                return static_cast<double>(*static_cast<const std::int8_t*>(data));
            case at::kBool:
                return *static_cast<const bool*>(data) ? 1.0 : 0.0;
            case at::kBFloat16:
                return static_cast<double>(static_cast<float>(*static_cast<const c10::BFloat16*>(data)));
            case at::kHalf:
                return static_cast<double>(static_cast<float>(*static_cast<const c10::Half*>(data)));
            default:
                throw Error(std::string("log: a value has to be a real number, found a tensor of type ") +
                            c10::toString(tensor.scalar_type()) + ".");
        }
    }

    mutable double value_ = 0.0;
    mutable at::Tensor tensor_;
};

}  // namespace lit
