// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/dataset.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace lit {

/// A dataset whose batches go through a function: `mapped(dataset, [](lit::Example batch) { ...; return
/// batch; })`.
///
/// The function gets a whole batch and returns one, of the same type or another. It runs where the batch is
/// gathered, so in the worker threads of a DataLoader, at the same time in several: it is const and keeps its
/// hands off shared state. One that draws random numbers takes them from `lit::batch_generator()`.
/// Cost    one call per batch; nothing is erased, the function is part of the type.
template <DatasetPolicy Dataset, class Function>
    requires std::regular_invocable<const Function&, dataset_batch_t<Dataset>>
class Mapped {
 public:
    Mapped(Dataset dataset, Function function)
        : dataset_(std::move(dataset)), function_(std::move(function)) {}

    [[nodiscard]] std::int64_t size() const { return dataset_.size(); }
    [[nodiscard]] auto get_batch(Indices indices) const { return function_(dataset_.get_batch(indices)); }
    [[nodiscard]] auto get_batch(std::int64_t begin, std::int64_t end) const
        requires GathersRanges<Dataset>
    {
        return function_(dataset_.get_batch(begin, end));
    }
    [[nodiscard]] const Dataset& dataset() const { return dataset_; }

 private:
    Dataset dataset_;
    [[no_unique_address]] Function function_;
};

template <DatasetPolicy Dataset, class Function>
[[nodiscard]] auto mapped(Dataset dataset, Function function) {
    static_assert(std::regular_invocable<const Function&, dataset_batch_t<Dataset>>,
                  "lit: the function given to mapped(dataset, function) must be callable on the dataset's "
                  "batch without "
                  "changing itself: [](lit::Example batch) { ...; return batch; }, not mutable.");
    if constexpr (std::invocable<const Function&, dataset_batch_t<Dataset>>) {
        static_assert(!std::is_void_v<std::invoke_result_t<const Function&, dataset_batch_t<Dataset>>>,
                      "lit: the function given to mapped(dataset, function) returns nothing. Take the batch by value, "
                      "change it, and return it: [](lit::Example batch) { ...; return batch; }.");
    }
    return Mapped<Dataset, Function>(std::move(dataset), std::move(function));
}

}  // namespace lit
