// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>

#include <concepts>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// Indices of samples in a dataset, from 0 to size() - 1, in the order wanted; they may repeat.
using Indices = std::span<const std::int64_t>;

template <class D>
concept KnowsItsSize = requires(const D& dataset) {
    { dataset.size() } -> std::convertible_to<std::int64_t>;
};
template <class D>
concept GathersBatches = requires(const D& dataset, Indices indices) {
    requires !std::is_void_v<decltype(dataset.get_batch(indices))>;
};
template <class D>
concept GathersRanges = GathersBatches<D> && requires(const D& dataset, std::int64_t begin, Indices indices) {
    { dataset.get_batch(begin, begin) } -> std::same_as<decltype(dataset.get_batch(indices))>;
};

/// Samples that can be fetched by position, a whole batch at once.
///
/// size()                 the number of samples.
/// get_batch(indices)     the batch of these samples, in this order. Const, because the threads of a
///                        DataLoader call it at the same time: what it writes to must be its own. Random
///                        numbers come from `lit::batch_generator()`, so that they do not depend on threads.
/// get_batch(begin, end)  optional: the samples [begin, end), where that is quicker.
/// Errors                 what it throws reaches the loop that asked for the batch, with its type.
/// Models                 TensorDataset, Mapped, Subset, Concat, ViewDataset, NoDataset.
template <class D>
concept DatasetPolicy = std::move_constructible<D> && KnowsItsSize<D> && GathersBatches<D>;

/// The batch that a dataset gathers.
template <DatasetPolicy Dataset>
using dataset_batch_t = std::remove_cvref_t<decltype(std::declval<const Dataset&>().get_batch(Indices{}))>;

/// The samples [begin, end) as one batch, by the dataset's own quick way where it has one.
template <DatasetPolicy Dataset>
[[nodiscard]] dataset_batch_t<Dataset> get_range(const Dataset& dataset, std::int64_t begin,
                                                 std::int64_t end) {
    if constexpr (GathersRanges<Dataset>) {
        return dataset.get_batch(begin, end);
    } else {
        std::vector<std::int64_t> indices(static_cast<std::size_t>(end - begin));
        std::iota(indices.begin(), indices.end(), begin);
        return dataset.get_batch(Indices{indices});
    }
}

/// No samples.
struct NoDataset {
    struct batch_type {};
    [[nodiscard]] static constexpr std::int64_t size() { return 0; }
    [[nodiscard]] static constexpr batch_type get_batch(Indices /*indices*/) { return {}; }
};
static_assert(DatasetPolicy<NoDataset> && std::is_empty_v<NoDataset>);

}  // namespace lit
