// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/reflection.hpp>
#include <lit/core/value.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// A module without hyperparameters.
struct NoHParams {
    bool operator==(const NoHParams&) const = default;
};

namespace detail {

template <class T>
inline constexpr bool is_optional_field = false;
template <class T>
inline constexpr bool is_optional_field<std::optional<T>> = true;
template <class T>
inline constexpr bool is_sequence_field = false;
template <class T, class A>
inline constexpr bool is_sequence_field<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool is_sequence_field<std::array<T, N>> = true;

template <class T>
consteval bool storable();

struct AskStorable {
    template <class... Field>
    auto operator()(Field&... /*fields*/) const {
        return std::bool_constant<(storable<std::remove_cv_t<Field>>() && ...)>{};
    }
};

template <class T>
consteval bool storable() {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string> ||
                  std::same_as<T, std::filesystem::path>) {
        return true;
    } else if constexpr (is_optional_field<T> || is_sequence_field<T>) {
        return storable<typename T::value_type>();
    } else if constexpr (std::is_aggregate_v<T> && !std::is_array_v<T>) {
        return decltype(reflection::visit_fields(std::declval<T&>(), AskStorable{}))::value;
    } else {
        return false;
    }
}

}  // namespace detail

/// What a checkpoint can hold as hyperparameters: an aggregate whose fields are numbers, bools, enums, strings,
/// paths, optionals, vectors and arrays of these, or aggregates of these.
template <class T>
concept HParamsLike = std::is_aggregate_v<T> && detail::storable<T>();

namespace detail {

template <class T>
Value field_to_value(const T& field) {
    if constexpr (std::is_enum_v<T>) {
        return static_cast<std::int64_t>(field);
    } else if constexpr (std::same_as<T, std::filesystem::path>) {
        return field.string();
    } else if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
        if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
            if (!std::in_range<std::int64_t>(field)) {
                throw ConfigError("hyperparameters: found the number " + std::to_string(field) +
                                  "; expected one of 64 bits with a sign, which is what a checkpoint can hold. For \"no "
                                  "limit\" use a std::optional.");
            }
        }
        return Value(field);
    } else if constexpr (is_optional_field<T>) {
        return field ? field_to_value(*field) : Value();
    } else if constexpr (is_sequence_field<T>) {
        List list;
        for (const auto& item : field) {
            list.push_back(field_to_value(static_cast<const typename T::value_type&>(item)));
        }
        return list;
    } else {
        Dict dict;
        reflection::for_each_field(field, [&](std::string_view name, const auto& part) {
            dict.set(Value(name), field_to_value(part));
        });
        return dict;
    }
}

template <class T>
void field_from_value(T& field, const Value& value, std::string_view name) {
    try {
        if constexpr (std::same_as<T, bool>) {
            field = value.to_bool();
        } else if constexpr (std::is_enum_v<T>) {
            field = static_cast<T>(value.to_int());
        } else if constexpr (std::is_integral_v<T>) {
            if (!std::in_range<T>(value.to_int())) {
                throw CheckpointError("the number " + std::to_string(value.to_int()) + " does not fit its type");
            }
            field = static_cast<T>(value.to_int());
        } else if constexpr (std::is_floating_point_v<T>) {
            field = static_cast<T>(value.to_double());
        } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::filesystem::path>) {
            field = value.string();
        } else if constexpr (is_optional_field<T>) {
            if (value.is_none()) {
                field.reset();
            } else {
                field_from_value(field.emplace(), value, name);
            }
        } else if constexpr (is_sequence_field<T>) {
            const List& items = value.items();
            if constexpr (requires { field.resize(items.size()); }) {
                field.resize(items.size());
            }
            if (items.size() != field.size()) {
                throw CheckpointError(std::to_string(items.size()) + " items for an array of " +
                                      std::to_string(field.size()));
            }
            for (std::size_t i = 0; i < items.size(); ++i) {
                typename T::value_type item{};
                field_from_value(item, items[i], name);
                field[i] = std::move(item);
            }
        } else {
            reflection::for_each_field(field, [&](std::string_view part_name, auto& part) {
                if (const Value* found = value.dict().find(part_name)) {
                    field_from_value(part, *found, part_name);
                }
            });
        }
    } catch (const CheckpointError& error) {
        throw CheckpointError("hyperparameter \"" + std::string(name) + "\": " + error.what());
    }
}

template <class T>
void field_from_text(T& field, std::string_view text, std::string_view name) {
    const auto refuse = [&](std::string_view wanted) {
        throw ConfigError("hyperparameter \"" + std::string(name) + "\": found \"" + std::string(text) +
                          "\", expected " + std::string(wanted) + ".");
    };
    if constexpr (std::same_as<T, bool>) {
        if (text == "true" || text == "True" || text == "1") {
            field = true;
        } else if (text == "false" || text == "False" || text == "0") {
            field = false;
        } else {
            refuse("true or false");
        }
    } else if constexpr (std::is_enum_v<T>) {
        std::underlying_type_t<T> number{};
        field_from_text(number, text, name);
        field = static_cast<T>(number);
    } else if constexpr (std::is_arithmetic_v<T>) {
        T number{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size()) {
            refuse(std::is_integral_v<T> ? "a whole number that fits its type" : "a number");
        }
        field = number;
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::filesystem::path>) {
        field = std::string(text);
    } else if constexpr (is_optional_field<T>) {
        if (text == "null" || text == "None") {
            field.reset();
        } else {
            field_from_text(field.emplace(), text, name);
        }
    } else {
        refuse("a field that can be written as one word; set this one in code");
    }
}

template <class T>
std::string known_fields() {
    std::string known;
    for (const std::string_view name : reflection::field_names<T>) {
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    return known.empty() ? "none" : known;
}

}  // namespace detail

/// The hyperparameters as a checkpoint and the loggers hold them: one entry per field.
template <HParamsLike T>
[[nodiscard]] Dict to_dict(const T& hparams) {
    return std::move(detail::field_to_value(hparams).template as<Dict>());
}

/// Sets the fields that the dict names; the others keep what they have.
///
/// Errors  CheckpointError for a value of another type, and for a name that is no field.
template <HParamsLike T>
void update_from_dict(T& hparams, const Dict& dict) {
    for (const auto& [key, value] : dict) {
        bool found = false;
        reflection::for_each_field(hparams, [&](std::string_view name, auto& field) {
            if (key.equals(name)) {
                detail::field_from_value(field, value, name);
                found = true;
            }
        });
        if (!found) {
            const auto* name = key.template get_if<std::string>();
            throw CheckpointError("hyperparameters: found \"" + (name != nullptr ? *name : "?") + "\". Known: " +
                                  detail::known_fields<T>() + ".");
        }
    }
}

/// Sets one field from text, as a command line gives it.
///
/// Errors  ConfigError for an unknown name (the known ones are listed) and for text of another type.
template <HParamsLike T>
void set_from_text(T& hparams, std::string_view name, std::string_view text) {
    bool found = false;
    reflection::for_each_field(hparams, [&](std::string_view field_name, auto& field) {
        if (field_name == name) {
            detail::field_from_text(field, text, name);
            found = true;
        }
    });
    if (!found) {
        throw ConfigError("hyperparameters: found \"" + std::string(name) + "\". Known: " +
                          detail::known_fields<T>() + ".");
    }
}

/// `name: value` lines, for people.
template <HParamsLike T>
[[nodiscard]] std::string to_text(const T& hparams) {
    std::ostringstream out;
    out << std::boolalpha;
    for (const auto& [key, value] : to_dict(hparams)) {
        out << key.string() << ": ";
        if (const auto* text = value.template get_if<std::string>()) {
            out << *text;
        } else if (const auto* number = value.template get_if<double>()) {
            out << *number;
        } else if (value.template is<bool>() || value.template is<std::int64_t>()) {
            value.template is<bool>() ? out << value.to_bool() : out << value.to_int();
        } else {
            out << value.type_name();
        }
        out << '\n';
    }
    return out.str();
}

}  // namespace lit
