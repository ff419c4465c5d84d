// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace lit::detail {

/// The samples that a Subset has chosen; copies share them.
class SubsetIndices {
 public:
    /// Errors  ConfigError for an index outside of the dataset.
    SubsetIndices(std::vector<std::int64_t> indices, std::int64_t dataset_size);

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(indices_->size()); }
    [[nodiscard]] Indices all() const { return {indices_->data(), indices_->size()}; }
    /// Errors  DataError for a position outside of the subset.
    [[nodiscard]] std::vector<std::int64_t> at(Indices positions) const;
    [[nodiscard]] Indices range(std::int64_t begin, std::int64_t end) const;

 private:
    std::shared_ptr<const std::vector<std::int64_t>> indices_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/data/impl/subset_indices.hpp>
#endif
