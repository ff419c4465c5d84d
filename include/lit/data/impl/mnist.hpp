// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/idx.hpp>
#include <lit/data/mnist.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace lit::detail {

/// Finds `name` or `name.gz` in a folder.
inline std::filesystem::path find_idx(const std::filesystem::path& folder, const std::string& name,
                                      const std::string& who, const std::string& advice) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
        throw FileError(who + ": there is no folder " + folder.string() + ". " + advice);
    }
    for (const std::string& candidate : {name, name + ".gz"}) {
        if (std::filesystem::exists(folder / candidate, error)) {
            return folder / candidate;
        }
    }
    throw FileError(who + ": the folder " + folder.string() + " has neither " + name + " nor " + name +
                    ".gz. " + advice);
}

LIT_INLINE TensorDataset read_mnist(const std::filesystem::path& folder, bool train, const std::string& who,
                                    const std::string& advice) {
    const std::string prefix = train ? "train" : "t10k";
    const auto image_file = find_idx(folder, prefix + "-images-idx3-ubyte", who, advice);
    const auto label_file = find_idx(folder, prefix + "-labels-idx1-ubyte", who, advice);
    at::Tensor images = read_idx(image_file, {.dtype = at::kByte, .dims = 3});
    const at::Tensor labels = read_idx(label_file, {.dtype = at::kByte, .dims = 1});
    if (images.size(0) != labels.size(0)) {
        throw DataError(who + ": " + image_file.string() + " has " + std::to_string(images.size(0)) +
                        " images, but " + label_file.string() + " has " + std::to_string(labels.size(0)) +
                        " labels.");
    }
    return {std::move(images), labels.to(at::kLong)};
}

}  // namespace lit::detail
