// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
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
        : dataset_(std::move(dataset)),
          indices_(std::make_shared<const std::vector<std::int64_t>>(std::move(indices))) {
        const std::int64_t size = dataset_.size();
        for (const std::int64_t index : *indices_) {
            if (index < 0 || index >= size) {
                throw ConfigError("Subset: index " + std::to_string(index) + " is outside of the dataset's " +
                                  std::to_string(size) + " samples.");
            }
        }
    }
    template <std::ranges::input_range Range>
        requires std::convertible_to<std::ranges::range_reference_t<Range>, std::int64_t> &&
                 (!std::same_as<std::remove_cvref_t<Range>, std::vector<std::int64_t>>)
    Subset(Dataset dataset, Range&& indices) : Subset(std::move(dataset), to_vector(indices)) {}

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(indices_->size()); }
    [[nodiscard]] const Dataset& dataset() const { return dataset_; }
    [[nodiscard]] Indices indices() const { return *indices_; }

    [[nodiscard]] dataset_batch_t<Dataset> get_batch(Indices positions) const {
        std::vector<std::int64_t> inner(positions.size());
        std::ranges::transform(positions, inner.begin(), [this](std::int64_t position) {
            if (position < 0 || position >= size()) {
                throw DataError("Subset: index " + std::to_string(position) + " is outside of its " +
                                std::to_string(size()) + " samples.");
            }
            return (*indices_)[static_cast<std::size_t>(position)];
        });
        return dataset_.get_batch(Indices{inner});
    }
    [[nodiscard]] dataset_batch_t<Dataset> get_batch(std::int64_t begin, std::int64_t end) const {
        if (begin < 0 || end > size() || begin > end) {
            throw DataError("Subset: range [" + std::to_string(begin) + ", " + std::to_string(end) +
                            ") is outside of its " + std::to_string(size()) + " samples.");
        }
        return dataset_.get_batch(Indices(*indices_).subspan(static_cast<std::size_t>(begin),
                                                             static_cast<std::size_t>(end - begin)));
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
    std::shared_ptr<const std::vector<std::int64_t>> indices_;
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
