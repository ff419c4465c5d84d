// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/duration.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/reflection.hpp>
#include <lit/loops/deterministic.hpp>
#include <lit/loops/limit.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/trainer/from_environment.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>

namespace lit {

namespace detail {

/// A value of that type from a text, as Python writes it.
template <class V>
[[nodiscard]] V option_from_text(const std::string& text, const std::string& variable) {
    if constexpr (requires(V value) { value.has_value(); }) {
        return text == "None" ? V() : V(option_from_text<typename V::value_type>(text, variable));
    } else if constexpr (std::same_as<V, Duration>) {
        return Duration(text);
    } else if constexpr (std::same_as<V, Deterministic>) {
        return text == "warn" ? Deterministic(Deterministic::warn)
                              : Deterministic(option_from_text<bool>(text, variable));
    } else if constexpr (std::same_as<V, ValCheckInterval>) {
        if (text.find(':') != std::string::npos) {
            return std::chrono::duration<double>(Duration(text).seconds());
        }
        const auto batches = option_from_text<Limit>(text, variable);
        return batches.is_count() ? ValCheckInterval(batches.count()) : ValCheckInterval(batches.fraction());
    } else if constexpr (std::same_as<V, Limit>) {
        if (text == "None") {  // Lightning takes it as all
            return {};
        }
        // 1 is a batch and 1.0 all of them, as in Python.
        const bool whole = text.find_first_not_of("-0123456789") == std::string::npos;
        return whole ? Limit(option_from_text<std::int64_t>(text, variable))
                     : Limit(option_from_text<double>(text, variable));
    } else if constexpr (std::same_as<V, std::filesystem::path>) {
        return text == "None" ? V() : V(text);
    } else {
        V value{};
        const bool truth = std::integral<V> && (text == "True" || text == "False");
        field_from_text(value, truth ? (text == "True" ? "1" : "0") : std::string_view(text), variable);
        return value;
    }
}

}  // namespace detail

LIT_INLINE TrainerOptions from_environment(TrainerOptions options) {
    reflection::for_each_field(options, [](std::string_view name, auto& field) {
        std::string variable = "PL_TRAINER_" + std::string(name);
        std::ranges::transform(variable, variable.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
        if (const char* text = std::getenv(variable.c_str()); text != nullptr && *text != '\0') {
            try {
                field = detail::option_from_text<std::remove_cvref_t<decltype(field)>>(text, variable);
            } catch (const ConfigError& error) {
                const std::string message = error.what();
                throw ConfigError(message.find(variable) != std::string::npos ? message : variable + ": " + message);
            }
        }
    });
    options.check();
    return options;
}

}  // namespace lit
