// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/references.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

/// Fields of an aggregate: their number, their names, their references; without a macro.
///
/// Errors  more than 40 fields do not compile, nor does an aggregate whose default for a field does not.
/// Source  the names are read from the compiler's spelling of a pointer to a subobject (g++ 12, clang 19).
namespace lit::reflection {

namespace detail {

// Of a type without linkage these are functions that nobody can ever define: that is meant.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
// Stand for any field, and for any base, in a trial initialisation of `Whole`. Declared only.
template <class Whole>
struct AnyField {
    template <class Field>
        requires(!std::is_base_of_v<Field, Whole>)
    operator Field() const;  // NOLINT
};
template <class Whole>
struct AnyBase {
    template <class Base>
        requires(std::is_base_of_v<Base, Whole> && !std::is_same_v<Base, Whole>)
    operator Base() const;  // NOLINT
};
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T, std::size_t... I>
concept InitializedWith = requires { T{(static_cast<void>(I), AnyField<T>{})...}; };

template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
    return InitializedWith<T, I...>;
}

// Fewer values than fields will do as soon as the fields left over have a default; with more than fields nothing will do. So
// the number is the last of the first run of numbers that do, and is reached without trying what a small aggregate has not.
template <class T, std::size_t N = 0, bool Found = false>
consteval std::size_t count() {
    constexpr std::size_t most = 40;
    constexpr bool fits = takes<T>(std::make_index_sequence<N>{});
    if constexpr (!fits && (Found || N == most)) {
        return Found ? N - 1 : 0;
    } else if constexpr (N == most) {
        return N;
    } else {
        return count<T, N + 1, fits>();
    }
}

}  // namespace detail

/// How many fields the aggregate has.
template <class T>
    requires std::is_aggregate_v<T>
inline constexpr std::size_t field_count = detail::count<std::remove_cv_t<T>>();

// Structured bindings need the number of names written out: the one place where that is done.
#define LIT_FIELDS(N, ...)                        \
    else if constexpr (field_count<Plain> == N) { \
        auto& [__VA_ARGS__] = value;              \
        return visit(__VA_ARGS__);                \
    }

/// An aggregate without bases and with so many fields that `visit_fields` can name them.
template <class T>
concept Reflectable = std::is_class_v<T> && std::is_aggregate_v<T> &&
                      !requires { T{detail::AnyBase<std::remove_cv_t<T>>{}}; } && field_count<T> <= 24;

/// What `visit(field...)` returns, called with references to all fields in the order of their declaration.
template <class T, class Visit>
    requires std::is_aggregate_v<T>
constexpr decltype(auto) visit_fields(T& value, Visit&& visit) {
    using Plain = std::remove_cv_t<T>;
    if constexpr (field_count<Plain> == 0) {
        return visit();
    }
    LIT_FIELDS(1, a)
    LIT_FIELDS(2, a, b)
    LIT_FIELDS(3, a, b, c)
    LIT_FIELDS(4, a, b, c, d)
    LIT_FIELDS(5, a, b, c, d, e)
    LIT_FIELDS(6, a, b, c, d, e, f)
    LIT_FIELDS(7, a, b, c, d, e, f, g)
    LIT_FIELDS(8, a, b, c, d, e, f, g, h)
    LIT_FIELDS(9, a, b, c, d, e, f, g, h, i)
    LIT_FIELDS(10, a, b, c, d, e, f, g, h, i, j)
    LIT_FIELDS(11, a, b, c, d, e, f, g, h, i, j, k)
    LIT_FIELDS(12, a, b, c, d, e, f, g, h, i, j, k, l)
    LIT_FIELDS(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
    LIT_FIELDS(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    LIT_FIELDS(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
    LIT_FIELDS(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    LIT_FIELDS(17, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
    LIT_FIELDS(18, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)
    LIT_FIELDS(19, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)
    LIT_FIELDS(20, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t)
    LIT_FIELDS(21, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
    LIT_FIELDS(22, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v)
    LIT_FIELDS(23, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w)
    LIT_FIELDS(24, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x)
    else {
        static_assert(field_count<Plain> <= 24, "lit: an aggregate of more than 24 fields. Put some into a struct of "
                                                "their own.");
    }
}
#undef LIT_FIELDS

/// The field of that number, from 0.
template <std::size_t I, class T>
    requires std::is_aggregate_v<T>
constexpr auto& get_field(T& value) {
    return lit::detail::referred<I>(visit_fields(value, [](auto&... field) { return lit::detail::refer_to(field...); }));
}

namespace detail {

template <class T>
struct Holder {
    T value;
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
// Never defined: only addresses of its subobjects are spelt.
template <class T>
extern const Holder<T> never_made;

template <class T, std::size_t I>
consteval auto address() {
    return std::addressof(get_field<I>(never_made<T>.value));
}

template <auto Pointer>
consteval std::string_view spelling() {
    return __PRETTY_FUNCTION__;
}

// "... Pointer = (& never_made<X>.value.X::lr)]" (g++) or "... Pointer = &never_made.value.lr]" (clang):
// the last identifier is the field.
consteval std::string_view last_identifier(std::string_view text) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    if (const auto end = text.find("; std::string_view"); end != std::string_view::npos) {
        text = text.substr(0, end);
    }
    std::size_t end = text.size();
    while (end > 0 && !is_letter(text[end - 1])) {
        --end;
    }
    std::size_t begin = end;
    while (begin > 0 && is_letter(text[begin - 1])) {
        --begin;
    }
    return text.substr(begin, end - begin);
}

template <class T>
consteval std::string_view type_spelling() {
    return __PRETTY_FUNCTION__;
}

// "... T = outer::Digits<int>; std::string_view = ...]" (g++) or "... T = outer::Digits<int>]" (clang).
consteval std::string_view class_identifier(std::string_view text) {
    text = text.substr(text.find("T = ") + 4);
    text = text.substr(0, std::min(text.rfind(']'), text.find("; std::string_view")));
    if (text.ends_with('>')) {
        std::size_t depth = 0;
        do {
            depth += text.ends_with('>') ? 1U : 0U;
            depth -= text.ends_with('<') ? 1U : 0U;
            text.remove_suffix(1);
        } while (depth > 0);
    }
    return last_identifier(text);
}

template <class T, std::size_t... I>
consteval auto names(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{last_identifier(spelling<address<T, I>()>())...};
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

}  // namespace detail

/// The names of all fields, in the order of their declaration.
template <class T>
inline constexpr auto field_names = detail::names<T>(std::make_index_sequence<field_count<T>>{});

/// The name of a class, without its namespaces and template arguments.
template <class T>
inline constexpr std::string_view class_name = detail::class_identifier(detail::type_spelling<T>());

/// Calls `f(name, field)` for each field.
template <class T, class F>
constexpr void for_each_field(T& value, F&& f) {
    visit_fields(value, [&f](auto&... field) {
        [[maybe_unused]] auto name = field_names<std::remove_cv_t<T>>.begin();
        (f(*name++, field), ...);
    });
}

}  // namespace lit::reflection
