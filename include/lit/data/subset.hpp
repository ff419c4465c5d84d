// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/subset_indices.hpp>

#include <concepts>
#include <cstdint>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace lit {

/// Some samples of a dataset, in an order of their own: `Subset{dataset, {3, 1, 4}}`, or any range of
/// integers.
///
/// Copies of a subset share the indices. The dataset is held by value: a handle like TensorDataset costs
/// nothing to copy.
/// Errors  ConfigError for an index outside of the dataset.
/// Cost    a vector of one batch's indices per shuffled batch; none for a batch of neighbours in the subset.
/// Source  torch.utils.data.Subset.
template <DatasetPolicy Dataset>
class Subset {
 public:
    Subset(Dataset dataset, std::vector<std::int64_t> indices)
        : dataset_(std::move(dataset)), indices_(std::move(indices), dataset_.size()) {}
    template <std::ranges::input_range Range>
        requires std::convertible_to<std::ranges::range_reference_t<Range>, std::int64_t> &&
                 (!std::same_as<std::remove_cvref_t<Range>, std::vector<std::int64_t>>)
    Subset(Dataset dataset, Range&& indices) : Subset(std::move(dataset), to_vector(indices)) {}

    [[nodiscard]] std::int64_t size() const { return indices_.size(); }
    [[nodiscard]] const Dataset& dataset() const { return dataset_; }
    [[nodiscard]] Indices indices() const { return indices_.all(); }

    [[nodiscard]] dataset_batch_t<Dataset> get_batch(Indices positions) const {
        const std::vector<std::int64_t> inner = indices_.at(positions);
        return dataset_.get_batch(Indices(inner));
    }
    [[nodiscard]] dataset_batch_t<Dataset> get_batch(std::int64_t begin, std::int64_t end) const {
        return dataset_.get_batch(indices_.range(begin, end));
    }

 private:
    template <class Range>
    static std::vector<std::int64_t> to_vector(Range& indices) {
        std::vector<std::int64_t> values;
        for (auto&& index : indices) {
            values.push_back(static_cast<std::int64_t>(index));
        }
        return values;
    }

    Dataset dataset_;
    detail::SubsetIndices indices_;
};

/// The first `count` samples of a dataset.
template <DatasetPolicy Dataset>
[[nodiscard]] Subset<Dataset> take(Dataset dataset, std::int64_t count) {
    const std::int64_t size = dataset.size();
    if (count < 0 || count > size) {
        throw ConfigError("take: " + std::to_string(count) + " samples of a dataset of " +
                          std::to_string(size) + ".");
    }
    return {std::move(dataset), std::views::iota(std::int64_t{0}, count)};
}

}  // namespace lit
