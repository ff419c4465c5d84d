// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/error.hpp>
#include <lit/data/dataset.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

/// The batches one after the other, tensor by tensor along the first dimension.
template <MappableBatch Batch>
Batch cat_batches(std::vector<Batch> parts) {
    std::vector<std::vector<at::Tensor>> columns;
    for (Batch& part : parts) {
        std::size_t column = 0;
        for_each_tensor(part, [&](at::Tensor& tensor) {
            if (column == columns.size()) {
                columns.emplace_back();
            }
            columns[column++].push_back(tensor);
        });
    }
    std::size_t column = 0;
    for_each_tensor(parts.front(), [&](at::Tensor& tensor) { tensor = at::cat(columns[column++], 0); });
    return std::move(parts.front());
}

}  // namespace detail

/// Several datasets one after the other, of the same type of batch: `concat(a, b, c)`.
///
/// Cost    a batch from one dataset is that dataset's; a mixed one costs a `cat` and, when shuffled, an
///         `index_select` more.
/// Errors  DataError for an index outside; what `cat` throws when the shapes of the datasets differ.
/// Source  torch.utils.data.ConcatDataset.
template <DatasetPolicy First, DatasetPolicy... Rest>
    requires MappableBatch<dataset_batch_t<First>> &&
             (... && std::same_as<dataset_batch_t<First>, dataset_batch_t<Rest>>)
class Concat {
 public:
    using batch_type = dataset_batch_t<First>;

    explicit Concat(First first, Rest... rest) : datasets_(std::move(first), std::move(rest)...) {
        std::size_t i = 0;
        std::apply(
            [&](const auto&... dataset) {
                ((ends_[i] = (i == 0 ? 0 : ends_[i - 1]) + dataset.size(), ++i), ...);
            },
            datasets_);
    }

    [[nodiscard]] std::int64_t size() const { return ends_.back(); }

    [[nodiscard]] batch_type get_batch(Indices indices) const {
        std::array<std::vector<std::int64_t>, count> inner;  // what each dataset is asked for
        std::array<std::vector<std::int64_t>, count> place;  // and where it belongs
        for (std::size_t i = 0; i < indices.size(); ++i) {
            if (indices[i] < 0 || indices[i] >= size()) {
                throw DataError("Concat: index " + std::to_string(indices[i]) + " is outside of the " +
                                std::to_string(size()) + " samples.");
            }
            std::size_t part = 0;
            while (indices[i] >= ends_[part]) {
                ++part;
            }
            inner[part].push_back(indices[i] - (part == 0 ? 0 : ends_[part - 1]));
            place[part].push_back(static_cast<std::int64_t>(i));
        }
        std::vector<batch_type> parts;
        std::vector<std::int64_t> row(indices.size());  // of sample i in the parts laid one after the other
        std::int64_t next = 0;
        bool in_order = true;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (
                [&] {
                    if (inner[I].empty()) {
                        return;
                    }
                    parts.push_back(std::get<I>(datasets_).get_batch(Indices{inner[I]}));
                    for (const std::int64_t i : place[I]) {
                        in_order = in_order && i == next;
                        row[static_cast<std::size_t>(i)] = next++;
                    }
                }(),
                ...);
        }(std::make_index_sequence<count>{});
        if (parts.empty()) {
            return std::get<0>(datasets_).get_batch(Indices{});
        }
        batch_type batch =
            parts.size() == 1 ? std::move(parts.front()) : detail::cat_batches(std::move(parts));
        if (!in_order) {
            const at::Tensor rows = at::tensor(row, at::kLong);
            for_each_tensor(batch, [&rows](at::Tensor& tensor) {
                tensor = at::index_select(tensor, 0, rows.to(tensor.device()));
            });
        }
        return batch;
    }

 private:
    static constexpr std::size_t count = 1 + sizeof...(Rest);

    std::tuple<First, Rest...> datasets_;
    std::array<std::int64_t, count> ends_{};
};

template <DatasetPolicy... Dataset>
    requires(sizeof...(Dataset) > 0)
[[nodiscard]] Concat<Dataset...> concat(Dataset... datasets) {
    return Concat<Dataset...>(std::move(datasets)...);
}

}  // namespace lit
