// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/threads.hpp>

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>

namespace lit::detail::threads {

/// at::parallel_for runs in threads only in a unit that is compiled with OpenMP, whose pool would then be another one than
/// LibTorch's with some compilers. An iterator over a tensor calls it inside LibTorch: here over a tensor of a byte for each part, of
/// which the places are looked at alone.
LIT_INLINE void at_once(std::int64_t parts, c10::function_ref<void(std::int64_t)> body) {
    if (at::in_parallel_region()) {
        for (std::int64_t part = 0; part < parts; ++part) {
            body(part);
        }
        return;
    }
    thread_local at::Tensor places;
    thread_local at::TensorIterator each_place;
    if (!places.defined() || places.numel() != parts) {
        places = at::empty({parts}, at::kByte);
        each_place = at::TensorIterator::nullary_op(places);
    }
    const auto* first = static_cast<const char*>(places.const_data_ptr());
    const auto one_after_the_other = [&](char** place, const std::int64_t* /*strides*/, std::int64_t count,
                                         std::int64_t /*of one dimension*/) {
        for (std::int64_t i = 0; i < count; ++i) {
            body(place[0] - first + i);
        }
    };
    each_place.for_each(one_after_the_other, 1);
}

}  // namespace lit::detail::threads
