// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/hooks.hpp>
#include <lit/core/log_options.hpp>

#include <cstddef>
#include <source_location>
#include <string_view>

namespace lit {
namespace detail {

/// The class and the name in a compiler's spelling of a member function; empty where it is none.
struct MemberName {
    std::string_view scope;  ///< without the template arguments of the class itself
    std::string_view name;
};

[[nodiscard]] constexpr bool is_opening(char c) { return c == '(' || c == '<' || c == '{' || c == '['; }
[[nodiscard]] constexpr bool is_closing(char c) { return c == ')' || c == '>' || c == '}' || c == ']'; }
[[nodiscard]] constexpr bool is_identifier(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Where the bracket that opens at `at` is closed.
[[nodiscard]] constexpr std::size_t closing(std::string_view text, std::size_t at) {
    for (std::size_t depth = 0; at < text.size(); ++at) {
        depth += is_opening(text[at]) ? 1U : 0U;
        depth -= is_closing(text[at]) ? 1U : 0U;
        if (depth == 0) {
            return at;
        }
    }
    return text.size() - 1;
}

/// `ns::Net<T>` as `ns::Net`.
[[nodiscard]] constexpr std::string_view without_arguments(std::string_view type) {
    std::size_t end = type.size();
    for (std::size_t at = 0; at < type.size(); ++at) {
        if (is_opening(type[at])) {
            end = type[at] == '<' ? at : type.size();
            at = closing(type, at);
        } else if (type[at] == ':') {
            end = type.size();
        }
    }
    return type.substr(0, end);
}

/// `void ns::Net<T>::f(int) const [with T = int]` as `ns::Net` and `f`. What stands inside a function (a lambda, a
/// local class) has a name of its own.
[[nodiscard]] constexpr MemberName member_name(std::string_view text) {
    std::size_t start = 0;
    std::size_t separator = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == ' ' || text[at] == '*' || text[at] == '&') {
            start = separator = at + 1;
        } else if (text.substr(at, 2) == "::") {
            separator = at++;
        } else if (is_opening(text[at])) {
            const std::size_t close = closing(text, at);
            const bool parameters = text[at] == '(' && at > 0 && (is_identifier(text[at - 1]) || text[at - 1] == '>');
            if (parameters && text.substr(close + 1, 2) != "::") {
                if (separator <= start) {
                    return {};
                }
                return {without_arguments(text.substr(start, separator - start)),
                        text.substr(separator + 2, at - separator - 2)};
            }
            at = close;
        }
    }
    return {};
}

/// A type as the compiler spells it in the name of a function.
template <class T>
[[nodiscard]] consteval std::string_view spelled() {
    const std::string_view text = std::source_location::current().function_name();
    const std::size_t start = text.find("T = ") + 4;
    std::size_t end = start;
    while (end < text.size() && text[end] != ';' && text[end] != ']') {
        end = is_opening(text[end]) ? closing(text, end) + 1 : end + 1;
    }
    return text.substr(start, end - start);
}

template <class T>
[[nodiscard]] consteval bool is_class(std::string_view scope) {
    return without_arguments(spelled<T>()) == scope;
}

/// The hook of that name which modules, or callbacks, have.
[[nodiscard]] constexpr Hook hook_named(std::string_view name, bool of_module) {
    for (std::size_t i = 0; i < hook_count; ++i) {
        const HookInfo& hook = hook_table[i];
        if (hook.name == name && (of_module ? hook.module_arguments : hook.callback_arguments) != "-") {
            return static_cast<Hook>(i);
        }
    }
    return Hook::none;
}

}  // namespace detail

/// Where `log` is called: a default argument that does not compile when the call stands in a hook of `Module`, or of
/// one of the `Callbacks`, that may not log; or that may log values of an epoch only, while the options ask for
/// something else (`NotOfAnEpoch`). A member named like a callback's hook with `on_` counts whoever's it is: a module
/// does not know the callbacks that log with it. What is called from such a hook is found at its first call instead.
///
/// Cost    empty; nothing of it is left in the program.
template <bool NotOfAnEpoch, class Module, class... Callbacks>
struct LogSite {
    // Both are thrown here, not in a function asked: every step to the message is a line of g++'s before it.
    consteval LogSite(std::source_location here = std::source_location::current()) {  // NOLINT: a default argument
        const Logging logging = allowed(detail::member_name(here.function_name()));
        if (logging == Logging::forbidden) {
            throw "lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.";
        }
        if (logging == Logging::epoch && NotOfAnEpoch) {
            throw "lit: log: this hook may log only on_epoch, and not on_step. Log that in a step.";
        }
    }

 private:
    /// What stands in no hook may log everything.
    static consteval Logging allowed(const detail::MemberName& member) {
        const Hook of_module = detail::hook_named(member.name, true);
        if (of_module != Hook::none && detail::is_class<Module>(member.scope)) {
            return info(of_module).logging;
        }
        const Hook of_callback = detail::hook_named(member.name, false);
        const bool is_callback = member.name.starts_with("on_") || (detail::is_class<Callbacks>(member.scope) || ...);
        return of_callback != Hook::none && is_callback ? info(of_callback).logging : Logging::step;
    }
};

}  // namespace lit
