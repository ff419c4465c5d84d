// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/number.hpp>

#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>
#include <string>

namespace lit {

LIT_INLINE Number::Number(const at::Tensor& tensor) {
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

LIT_INLINE void Number::wait_for_device() const {
    value_ = read(tensor_.cpu());
    tensor_.reset();
}

LIT_INLINE double Number::read(const at::Tensor& tensor) {
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

}  // namespace lit
