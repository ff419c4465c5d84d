// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

namespace lit::detail {

template <std::size_t I, class T>
struct Reference {
    T& to;
};
template <class Indices, class... T>
struct ReferencesOf;
template <std::size_t... I, class... T>
struct ReferencesOf<std::index_sequence<I...>, T...> : Reference<I, T>... {};

/// References to some objects, each with its number. What `std::tie` makes costs the compiler some twenty classes more.
template <class... T>
using References = ReferencesOf<std::index_sequence_for<T...>, T...>;

template <class... T>
constexpr References<T...> refer_to(T&... objects) {
    return {{objects}...};
}

/// The object of that number, from 0.
template <std::size_t I, class T>
constexpr T& referred(const Reference<I, T>& reference) {
    return reference.to;
}

}  // namespace lit::detail
