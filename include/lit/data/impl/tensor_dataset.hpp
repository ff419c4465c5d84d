// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

inline void check_index(std::int64_t index, std::int64_t size) {
    if (index < 0 || index >= size) {
        throw DataError("TensorDataset: index " + std::to_string(index) + " is outside of the " +
                        std::to_string(size) + " samples (0 to " + std::to_string(size - 1) + ").");
    }
}

/// Asks for the row's first cache lines; the processor goes on by itself where there are more.
inline void prefetch_row(const std::byte* row, std::size_t bytes) {
    constexpr std::size_t line = 64;
    constexpr std::size_t most = 16 * line;
    for (std::size_t offset = 0; offset < std::min(bytes, most); offset += line) {
        __builtin_prefetch(row + offset);
    }
}

/// Rows of `source` in the order of `indices`, as a new tensor.
inline at::Tensor gather_rows(const at::Tensor& source, Indices indices) {
    const auto count = static_cast<std::int64_t>(indices.size());
    const std::int64_t rows = source.size(0);
    if (source.device().is_cpu() && source.is_contiguous() && source.layout() == at::kStrided &&
        !source.is_conj() && !source.is_neg()) {
        std::vector<std::int64_t> shape = source.sizes().vec();
        shape[0] = count;
        at::Tensor batch = at::empty(shape, source.options().requires_grad(false));
        const std::size_t row = rows == 0 ? 0 : source.nbytes() / static_cast<std::size_t>(rows);
        const auto* from = static_cast<const std::byte*>(source.const_data_ptr());
        auto* to = static_cast<std::byte*>(batch.mutable_data_ptr());
        constexpr std::size_t ahead = 8;  // rows: shuffled ones lie anywhere, and each would be waited for
        for (std::size_t i = 0; i < indices.size(); ++i) {
            check_index(indices[i], rows);
            if (row != 0) {
                if (i + ahead < indices.size() && indices[i + ahead] >= 0 && indices[i + ahead] < rows) {
                    prefetch_row(from + static_cast<std::size_t>(indices[i + ahead]) * row, row);
                }
                std::memcpy(to, from + static_cast<std::size_t>(indices[i]) * row, row);
                to += row;
            }
        }
        return batch;
    }
    for (const std::int64_t index : indices) {
        check_index(index, rows);
    }
    // from_blob takes no const pointer; index_select only reads.
    const at::Tensor positions = at::from_blob(const_cast<std::int64_t*>(indices.data()), {count}, at::kLong);
    return at::index_select(source, 0, positions.to(source.device()));
}

inline std::string shape_of(const at::Tensor& tensor) {
    std::ostringstream out;
    out << tensor.sizes();
    return out.str();
}

}  // namespace detail

LIT_INLINE TensorDataset::TensorDataset(at::Tensor data, at::Tensor target, TensorDatasetOptions options)
    : data_(std::move(data)), target_(std::move(target)), options_(options) {
    for (const at::Tensor* tensor : {&data_, &target_}) {
        const char* name = tensor == &data_ ? "data" : "target";
        if (!tensor->defined() || tensor->dim() == 0) {
            throw ConfigError(std::string("TensorDataset: ") + name + " is " +
                              (tensor->defined() ? "a 0-dim tensor" : "an undefined tensor") +
                              ", expected one with samples along its first dimension.");
        }
    }
    if (data_.size(0) != target_.size(0)) {
        throw ConfigError("TensorDataset: data " + detail::shape_of(data_) + " and target " +
                          detail::shape_of(target_) +
                          " differ in their first dimension, the number of samples.");
    }
}

LIT_INLINE Example TensorDataset::get_batch(Indices indices) const {
    return {detail::gather_rows(data_, indices), detail::gather_rows(target_, indices)};
}

LIT_INLINE Example TensorDataset::get_batch(std::int64_t begin, std::int64_t end) const {
    if (begin < 0 || end > size() || begin > end) {
        throw DataError("TensorDataset: range [" + std::to_string(begin) + ", " + std::to_string(end) +
                        ") is outside of the " + std::to_string(size()) + " samples.");
    }
    const auto part = [&](const at::Tensor& tensor) {
        at::Tensor view = tensor.narrow(0, begin, end - begin);
        return options_.views ? view : view.clone();
    };
    return {part(data_), part(target_)};
}

}  // namespace lit
