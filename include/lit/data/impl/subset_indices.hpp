// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/subset_indices.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE SubsetIndices::SubsetIndices(std::vector<std::int64_t> indices, std::int64_t dataset_size)
    : indices_(std::make_shared<const std::vector<std::int64_t>>(std::move(indices))) {
    for (const std::int64_t index : *indices_) {
        if (index < 0 || index >= dataset_size) {
            throw ConfigError("Subset: index " + std::to_string(index) + " is outside of the dataset's " +
                              std::to_string(dataset_size) + " samples.");
        }
    }
}

LIT_INLINE std::vector<std::int64_t> SubsetIndices::at(Indices positions) const {
    std::vector<std::int64_t> inner(positions.size());
    std::ranges::transform(positions, inner.begin(), [this](std::int64_t position) {
        if (position < 0 || position >= size()) {
            throw DataError("Subset: index " + std::to_string(position) + " is outside of its " + std::to_string(size()) +
                            " samples.");
        }
        return (*indices_)[static_cast<std::size_t>(position)];
    });
    return inner;
}

LIT_INLINE Indices SubsetIndices::range(std::int64_t begin, std::int64_t end) const {
    if (begin < 0 || end > size() || begin > end) {
        throw DataError("Subset: range [" + std::to_string(begin) + ", " + std::to_string(end) + ") is outside of its " +
                        std::to_string(size()) + " samples.");
    }
    return all().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace lit::detail
