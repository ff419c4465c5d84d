// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lit {

struct TensorDatasetOptions {
    bool views = false;  ///< contiguous batches are no copies: writing to one writes to the dataset
};

/// Two tensors that are indexed together along their first dimension; a batch is an `Example`.
///
/// Shapes  data [n, ...], target [n, ...], any type and device; a batch has [b, ...] with types and device
///         kept.
/// Errors  ConfigError when a tensor is undefined, 0-dim, or the first dimensions differ; DataError for an
///         index outside.
/// Cost    one copy of the rows; CPU memory that is contiguous is copied without a kernel or a thread of
///         LibTorch.
/// Source  torch.utils.data.TensorDataset with the default collation. `views` is lit's own.
class TensorDataset {
 public:
    TensorDataset(at::Tensor data, at::Tensor target, TensorDatasetOptions options = {});

    [[nodiscard]] std::int64_t size() const { return data_.size(0); }
    [[nodiscard]] const at::Tensor& data() const { return data_; }
    [[nodiscard]] const at::Tensor& target() const { return target_; }

    [[nodiscard]] Example get_batch(Indices indices) const;
    [[nodiscard]] Example get_batch(std::int64_t begin, std::int64_t end) const;

 private:
    at::Tensor data_;
    at::Tensor target_;
    TensorDatasetOptions options_;
};
static_assert(DatasetPolicy<TensorDataset> && GathersRanges<TensorDataset>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/data/impl/tensor_dataset.hpp>
#endif
