// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/error.hpp>
#include <lit/core/reflection.hpp>
#include <lit/data/dataset.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

/// Lays what several datasets gave one after the other, and then in the order of `rows`: tensors along their first dimension, vectors
/// of numbers and strings along their only one, and what is made of these part by part.
class JoinedBatch {
 public:
    /// `in_order`: rows are 0, 1, 2, ...
    JoinedBatch(const std::vector<std::int64_t>& rows, bool in_order) : rows_(rows), in_order_(in_order) {}

    template <class Part>
    Part of(const std::vector<Part*>& parts) const {
        constexpr BatchKind kind = batch_kind<Part>();
        static_assert(kind != BatchKind::variant && kind != BatchKind::map && kind != BatchKind::unknown,
                      "lit: concat: batches with a variant or a map cannot be laid one after the other. Give a struct, a "
                      "tuple or a pair of tensors and vectors.");
        if constexpr (kind == BatchKind::tensor) {
            return tensor(parts);
        } else if constexpr (kind == BatchKind::plain) {
            if constexpr (!std::is_empty_v<Part>) {
                for (const Part* part : parts) {
                    require(*part == *parts.front(), "a value that is not one for each sample and differs");
                }
            }
            return std::move(*parts.front());
        } else if constexpr (kind == BatchKind::example) {
            auto data = of(each(parts, [](Part& part) { return &part.data; }));
            if constexpr (std::is_void_v<typename Part::TargetType>) {
                return Part(std::move(data));
            } else {
                return Part(std::move(data), of(each(parts, [](Part& part) { return &part.target; })));
            }
        } else if constexpr (kind == BatchKind::optional) {
            for (const Part* part : parts) {
                require(part->has_value() == parts.front()->has_value(), "an optional part that only one of them has");
            }
            return parts.front()->has_value() ? Part(of(each(parts, [](Part& part) { return &*part; }))) : std::nullopt;
        } else if constexpr (kind == BatchKind::tuple) {
            fields(parts, [](Part& part) {
                return std::apply([](auto&... field) { return std::tuple{&field...}; }, part);
            });
            return std::move(*parts.front());
        } else if constexpr (kind == BatchKind::aggregate) {
            fields(parts, [](Part& part) {
                return reflection::visit_fields(part, [](auto&... field) { return std::tuple{&field...}; });
            });
            return std::move(*parts.front());
        } else if constexpr (has_tensors<Part>()) {
            for (const Part* part : parts) {
                require(std::size(*part) == std::size(*parts.front()), "lists of tensors of different lengths");
            }
            for (std::size_t i = 0; i < std::size(*parts.front()); ++i) {
                (*parts.front())[i] = of(each(parts, [i](Part& part) { return &part[i]; }));
            }
            return std::move(*parts.front());
        } else {
            return values(parts);
        }
    }

 private:
    static void require(bool fine, const char* found) {
        if (!fine) {
            throw DataError(std::string("Concat: found in the batches of two datasets ") + found +
                            "; expected batches that can be laid one after the other. Map one of the datasets first.");
        }
    }
    template <class Part, class Get>
    static auto each(const std::vector<Part*>& parts, Get get) {
        std::vector<decltype(get(*parts.front()))> found;
        for (Part* part : parts) {
            found.push_back(get(*part));
        }
        return found;
    }
    /// Joins each field of the parts into that of the first.
    template <class Part, class Pointers>
    void fields(const std::vector<Part*>& parts, Pointers pointers) const {
        const auto all = each(parts, [&](Part& part) { return pointers(part); });
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (
                [&] {
                    std::vector<std::tuple_element_t<I, typename std::remove_cvref_t<decltype(all)>::value_type>> column;
                    for (const auto& of_part : all) {
                        column.push_back(std::get<I>(of_part));
                    }
                    *column.front() = of(column);
                }(),
                ...);
        }
        (std::make_index_sequence<std::tuple_size_v<typename std::remove_cvref_t<decltype(all)>::value_type>>{});
    }

    at::Tensor tensor(const std::vector<at::Tensor*>& parts) const {
        std::vector<at::Tensor> all;
        for (const at::Tensor* part : parts) {
            require(part->defined() == parts.front()->defined(), "a tensor that only one of them has");
            all.push_back(*part);
        }
        if (!parts.front()->defined()) {
            return {};
        }
        const at::Tensor joined = all.size() == 1 ? all.front() : at::cat(all, 0);
        return in_order_ ? joined : at::index_select(joined, 0, at::tensor(rows_, at::kLong).to(joined.device()));
    }
    template <class Values>
    Values values(const std::vector<Values*>& parts) const {
        static_assert(
            requires(Values& all, element_t<Values> value) { all.push_back(value); },
            "lit: concat: a list of numbers or strings in a batch has to be a std::vector, one for each sample.");
        Values joined;
        for (const Values* part : parts) {
            joined.insert(joined.end(), part->begin(), part->end());
        }
        require(joined.size() == rows_.size(), "a vector that has not one value for each sample");
        Values ordered;
        for (const std::int64_t row : rows_) {
            ordered.push_back(joined[static_cast<std::size_t>(row)]);
        }
        return ordered;
    }

    const std::vector<std::int64_t>& rows_;
    bool in_order_;
};

}  // namespace detail

/// Several datasets one after the other, of the same type of batch: `concat(a, b, c)`.
///
/// Cost    a batch from one dataset is that dataset's; a mixed one costs a `cat` and, when shuffled, an
///         `index_select` more.
/// Errors  DataError for an index outside, and for parts of batches that one dataset has and another has not; what `cat` throws
///         when the shapes of the datasets differ.
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
        if (parts.size() == 1 && in_order) {
            return std::move(parts.front());
        }
        std::vector<batch_type*> all;
        for (batch_type& part : parts) {
            all.push_back(&part);
        }
        return detail::JoinedBatch(row, in_order).of(all);
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
