// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/hparams.hpp>

#include <boost/hana/accessors.hpp>
#include <boost/hana/fwd/accessors.hpp>
#include <boost/hana/core/when.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/string.hpp>
#include <boost/hana/tuple.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace lit::detail {

template <class T, std::size_t I>
struct FieldAccessor {
    template <class Struct>
    constexpr decltype(auto) operator()(Struct&& value) const {
        return reflection::get_field<I>(value);
    }
};

template <class T, std::size_t I, std::size_t... C>
constexpr auto hana_field(std::index_sequence<C...>) {
    return boost::hana::make_pair(boost::hana::string_c<reflection::field_names<T>[I][C]...>,
                                  FieldAccessor<T, I>{});
}

// Hana asks this of its own tags too, which are empty or never defined.
template <class T>
concept HasFields = requires { sizeof(T); } && std::is_class_v<T> && HParamsLike<T> && (reflection::field_count<T> > 0);

}  // namespace lit::detail

namespace boost::hana {

/// Hyperparameters model `hana::Struct`: `hana::for_each`, `hana::keys`, `hana::at_key` and `hana::equal` work.
template <class T>
struct accessors_impl<T, when<lit::detail::HasFields<T>>> {
    static constexpr auto apply() {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return make_tuple(lit::detail::hana_field<T, I>(
                std::make_index_sequence<lit::reflection::field_names<T>[I].size()>{})...);
        }(std::make_index_sequence<lit::reflection::field_count<T>>{});
    }
};

}  // namespace boost::hana
