// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

template <class T>
inline constexpr bool is_pair_or_tuple = false;
template <class... T>
inline constexpr bool is_pair_or_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_pair_or_tuple<std::pair<A, B>> = true;

template <class Sample>
consteval bool collatable();
template <class Tuple, std::size_t... I>
consteval bool parts_collatable(std::index_sequence<I...> /*elements*/) {
    return (... && collatable<std::tuple_element_t<I, Tuple>>());
}
template <class Sample>
consteval bool collatable() {
    if constexpr (std::same_as<Sample, at::Tensor> || std::is_arithmetic_v<Sample> ||
                  std::same_as<Sample, std::string>) {
        return true;
    } else if constexpr (is_example<Sample>) {
        if constexpr (std::is_void_v<typename Sample::TargetType>) {
            return collatable<typename Sample::DataType>();
        } else {
            return collatable<typename Sample::DataType>() && collatable<typename Sample::TargetType>();
        }
    } else if constexpr (is_pair_or_tuple<Sample>) {
        return parts_collatable<Sample>(std::make_index_sequence<std::tuple_size_v<Sample>>{});
    } else {
        return false;
    }
}

/// The part of every sample that `get` picks, collected.
template <class Sample, class Get>
auto column(const std::vector<Sample>& samples, Get get) {
    std::vector<std::remove_cvref_t<decltype(get(samples.front()))>> values;
    values.reserve(samples.size());
    for (const Sample& sample : samples) {
        values.push_back(get(sample));
    }
    return values;
}

}  // namespace detail

/// A sample that `collate` can lay beside others.
template <class Sample>
concept CollatableSample = detail::collatable<std::remove_cvref_t<Sample>>();

/// Makes one batch of samples.
///
/// Shapes  tensors [...] become one of [n, ...]; integers int64 [n], bool, float and double their own type
///         [n]; strings a vector; an Example or a tuple is collated part by part (a pair becomes a tuple).
/// Errors  what `stack` throws when shapes differ.
/// Source  torch.utils.data.default_collate.
template <CollatableSample Sample>
[[nodiscard]] auto collate(const std::vector<Sample>& samples) {
    if constexpr (std::same_as<Sample, at::Tensor>) {
        return at::stack(samples);
    } else if constexpr (std::is_arithmetic_v<Sample>) {
        using Stored =
            std::conditional_t<std::integral<Sample> && !std::same_as<Sample, bool>, std::int64_t, Sample>;
        at::Tensor values =
            at::empty({static_cast<std::int64_t>(samples.size())}, c10::CppTypeToScalarType<Stored>::value);
        auto* to = static_cast<Stored*>(values.mutable_data_ptr());
        for (const Sample value : samples) {
            *to++ = static_cast<Stored>(value);
        }
        return values;
    } else if constexpr (std::same_as<Sample, std::string>) {
        return samples;
    } else if constexpr (detail::is_example<Sample>) {
        auto data =
            collate(detail::column(samples, [](const Sample& sample) -> const auto& { return sample.data; }));
        if constexpr (std::is_void_v<typename Sample::TargetType>) {
            return ExampleOf<decltype(data), void>(std::move(data));
        } else {
            auto target = collate(
                detail::column(samples, [](const Sample& sample) -> const auto& { return sample.target; }));
            return ExampleOf<decltype(data), decltype(target)>(std::move(data), std::move(target));
        }
    } else {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return std::tuple{collate(detail::column(
                samples, [](const Sample& sample) -> const auto& { return std::get<I>(sample); }))...};
        }(std::make_index_sequence<std::tuple_size_v<Sample>>{});
    }
}

}  // namespace lit
