// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/reflection.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace lit {

namespace detail {
struct NoAttribute {};
}  // namespace detail

/// The field that a search sets, as a template argument: a name, `LearningRateFinder<"rate">`, or a member,
/// `LearningRateFinder<&Net::rate>`. Without one Lightning's names are looked for.
///
/// A name is found among the fields of the hyperparameters (of the module, of the data module), and
/// `lr`, `learning_rate`, `batch_size` also in the module and in the data module themselves. Any other member of
/// theirs is given as a pointer.
template <class Key>
struct Attribute {
    Key key{};
    constexpr Attribute() = default;
    constexpr Attribute(Key given) : key(given) {}  // NOLINT: a member stands where an Attribute is wanted
};
template <std::size_t N>
struct Attribute<FixedString<N>> {
    FixedString<N> key{};
    constexpr Attribute(const char (&literal)[N]) : key(literal) {}  // NOLINT: so does a literal
};
Attribute()->Attribute<detail::NoAttribute>;
template <std::size_t N>
Attribute(const char (&)[N]) -> Attribute<FixedString<N>>;
template <class Object, class Field>
Attribute(Field Object::*) -> Attribute<Field Object::*>;

namespace detail {

template <class T>
inline constexpr bool is_named_attribute = false;
template <std::size_t N>
inline constexpr bool is_named_attribute<Attribute<FixedString<N>>> = true;
template <class T>
inline constexpr bool is_member_attribute = false;
template <class Object, class Field>
inline constexpr bool is_member_attribute<Attribute<Field Object::*>> = true;
// g++ 12 gives the type of a template argument of class type with a const.
template <class T>
inline constexpr bool is_named_attribute<const T> = is_named_attribute<T>;
template <class T>
inline constexpr bool is_member_attribute<const T> = is_member_attribute<T>;

template <class Field>
concept NumberField = (std::is_arithmetic_v<Field> && !std::same_as<Field, bool>);
template <class Field>
concept TunableField = NumberField<Field> ||(requires { typename Field::value_type; } &&
                                             std::same_as<Field, std::optional<typename Field::value_type>> &&
                                             NumberField<typename Field::value_type>);

/// Calls `f(name, field)` for the fields of one holder that a name can mean.
template <class Object, class F>
void for_each_named_field(Object& object, F&& f) {
    if constexpr (requires { object.lr; }) {
        f(std::string_view("lr"), object.lr);
    }
    if constexpr (requires { object.learning_rate; }) {
        f(std::string_view("learning_rate"), object.learning_rate);
    }
    if constexpr (requires { object.batch_size; }) {
        f(std::string_view("batch_size"), object.batch_size);
    }
}
template <class Object, class F>
void for_each_hparam(Object& object, F&& f) {
    if constexpr (requires { object.hparams; }) {
        using HParams = std::remove_cvref_t<decltype(object.hparams)>;
        if constexpr (reflection::Reflectable<HParams>) {
            reflection::for_each_field(object.hparams, f);
        }
    }
}

/// Calls `f(name, field)` for every field of the module, its hyperparameters, the data module and its own: Lightning's
/// order.
template <class Module, class Source, class F>
void for_each_attribute(Module& module, Source& source, F&& f) {
    const auto visit = [&](std::string_view name, auto& field) {
        using Field = std::remove_reference_t<decltype(field)>;
        if constexpr (!std::is_const_v<Field> && TunableField<Field>) {
            f(name, field);
        }
    };
    for_each_named_field(module, visit);
    for_each_hparam(module, visit);
    if constexpr (!std::same_as<Module, Source>) {
        for_each_named_field(source, visit);
        for_each_hparam(source, visit);
    }
}

template <Attribute Given, class Object>
consteval bool has_member() {
    if constexpr (requires(Object & object) { object.*Given.key; }) {
        return true;
    } else if constexpr (requires(Object & object) { object.hparams; }) {
        return requires(Object & object) { object.hparams.*Given.key; };
    } else {
        return false;
    }
}
template <class Object, class Field>
consteval bool points_to_number(Field Object::*) {
    return TunableField<Field>;
}
/// Says in an assertion what is wrong with the attribute for these types.
template <Attribute Given, class Module, class Source>
consteval bool check_attribute() {
    if constexpr (is_member_attribute<decltype(Given)>) {
        constexpr bool known = has_member<Given, Module>() || has_member<Given, Source>();
        constexpr bool number = points_to_number(Given.key);
        static_assert(known,
                      "lit: the member that was named for the tuner belongs neither to the module nor to the "
                      "data module nor to their hparams. Give a pointer to a member of one of these.");
        static_assert(
            number,
            "lit: the member that was named for the tuner is no number. Expected a floating point or "
            "integral field, or an std::optional of one.");
        return known && number;
    } else {
        return true;
    }
}

/// Calls `f(field)` for every holder of the attribute.
template <Attribute Given, class Module, class Source, class F>
void for_each_holder(Module& module, Source& source, std::string_view name, F&& f) {
    if constexpr (!check_attribute<Given, Module, Source>()) {
        return;  // said already
    } else if constexpr (is_member_attribute<decltype(Given)>) {
        const auto visit = [&](auto& object) {
            if constexpr (requires { object.*Given.key; }) {
                f(object.*Given.key);
            }
        };
        visit(module);
        if constexpr (requires { module.hparams; }) {
            visit(module.hparams);
        }
        if constexpr (!std::same_as<Module, Source>) {
            visit(source);
            if constexpr (requires { source.hparams; }) {
                visit(source.hparams);
            }
        }
    } else {
        for_each_attribute(module, source, [&](std::string_view field_name, auto& field) {
            if (field_name == name) {
                f(field);
            }
        });
    }
}

/// The name that is looked for: the template argument, else what the options say, else the first of `defaults` that
/// is there.
///
/// Errors  ConfigError that lists the fields that are there.
template <Attribute Given, class Module, class Source>
std::string find_attribute(Module& module, Source& source, std::string_view from_options,
                           std::initializer_list<std::string_view> defaults, std::string_view who) {
    if constexpr (is_member_attribute<decltype(Given)>) {
        return {};
    } else {
        std::string_view wanted = from_options;
        if constexpr (is_named_attribute<decltype(Given)>) {
            wanted = Given.key.view();
        }
        std::string known;
        std::string found;
        const auto consider = [&](std::string_view candidate) {
            for_each_attribute(module, source, [&](std::string_view name, auto&) {
                if (found.empty() && name == candidate) {
                    found = candidate;
                }
            });
        };
        if (!wanted.empty()) {
            consider(wanted);
        } else {
            for (const std::string_view candidate : defaults) {
                consider(candidate);
            }
        }
        if (found.empty()) {
            for_each_attribute(module, source, [&](std::string_view name, auto&) {
                known += (known.empty() ? "" : ", ") + std::string(name);
            });
            std::string names(wanted);
            if (wanted.empty()) {
                for (const std::string_view candidate : defaults) {
                    names += (names.empty() ? "" : " or ") + std::string(candidate);
                }
            }
            throw ConfigError(std::string(who) + ": no number named " + names +
                              " was found in the module, the data module or their hparams. Known: " +
                              (known.empty() ? "none" : known) +
                              ". Add it to the hyperparameters, or name the member: " + std::string(who) +
                              "<&Net::member>.");
        }
        return found;
    }
}

template <class Field, class Number>
void set_attribute(Field& field, Number value) {
    if constexpr (NumberField<Field>) {
        field = static_cast<Field>(value);
    } else {
        field = static_cast<typename Field::value_type>(value);
    }
}

}  // namespace detail
}  // namespace lit
