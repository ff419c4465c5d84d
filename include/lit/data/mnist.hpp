// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <filesystem>
#include <string>

namespace lit {
namespace detail {

LIT_INLINE TensorDataset read_mnist(const std::filesystem::path& folder, bool train, const std::string& who,
                                    const std::string& advice);

}  // namespace detail

/// MNIST's 60,000 training or 10,000 test images, or any other data in its four files
/// (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, each plain or with `.gz`).
///
/// Shapes  data uint8 [n, 28, 28] as in the files, target int64 [n]; make floats of a batch with `mapped`.
/// Errors  FileError when the folder or a file is missing; DataError when a file is damaged, or the counts
///         differ.
/// Source  torchvision.datasets.MNIST; nothing is downloaded.
class MNIST : public TensorDataset {
 public:
    explicit MNIST(const std::filesystem::path& folder, bool train = true)
        : TensorDataset(detail::read_mnist(
              folder, train, "MNIST", "Give the folder that holds MNIST's four IDX files, plain or gzip.")) {}
};
static_assert(DatasetPolicy<MNIST>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/data/impl/mnist.hpp>
#endif
