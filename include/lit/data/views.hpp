// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/data/collate.hpp>
#include <lit/data/dataset.hpp>

#include <range/v3/range/access.hpp>
#include <range/v3/range/concepts.hpp>
#include <range/v3/range/primitives.hpp>
#include <range/v3/range/traits.hpp>
#include <range/v3/view/all.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// A range-v3 view whose elements can be reached by position while it is const, and collated into a batch.
template <class View>
concept SampleView = ranges::random_access_range<const View> && ranges::sized_range<const View> &&
                     CollatableSample<ranges::range_value_t<const View>>;

/// A dataset made of a range-v3 view of samples: `view_dataset(files | ranges::views::transform(load))`.
///
/// Each sample is computed when its batch is gathered, in a worker thread of the DataLoader if it has some;
/// then the batch is collated. An lvalue container is referred to and must outlive the dataset.
/// Errors  DataError for an index outside; whatever computing a sample throws.
/// Cost    sample by sample and one `stack`: about a quarter of the speed of a TensorDataset. Including this
///         header brings range-v3's core, about 0.4 s more with clang 19; no other header of lit does.
template <SampleView View>
class ViewDataset {
 public:
    explicit ViewDataset(View view) : view_(std::move(view)) {}

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(ranges::size(view_)); }
    [[nodiscard]] auto get_batch(Indices indices) const {
        std::vector<ranges::range_value_t<const View>> samples;
        samples.reserve(indices.size());
        const auto first = ranges::begin(view_);
        for (const std::int64_t index : indices) {
            if (index < 0 || index >= size()) {
                throw DataError("ViewDataset: index " + std::to_string(index) + " is outside of the " +
                                std::to_string(size()) + " samples.");
            }
            samples.push_back(first[static_cast<ranges::range_difference_t<const View>>(index)]);
        }
        return collate(samples);
    }

 private:
    View view_;
};

/// See ViewDataset.
template <ranges::viewable_range Range>
    requires SampleView<ranges::views::all_t<Range>>
[[nodiscard]] auto view_dataset(Range&& range) {
    return ViewDataset<ranges::views::all_t<Range>>(ranges::views::all(std::forward<Range>(range)));
}

}  // namespace lit
