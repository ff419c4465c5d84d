// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit {

/// Where `log` may be called, and what `on_step` and `on_epoch` are when they are not given.
enum class Logging : std::uint8_t {
    step,       ///< on_step = true, on_epoch = false; any combination is allowed
    batch,      ///< on_step = false, on_epoch = true; any combination is allowed
    epoch,      ///< on_step = false, on_epoch = true, and nothing else
    forbidden,  ///< `log` throws
};

// Every hook of Lightning 2.6, once: X(name, where it may log, a module's arguments, a callback's arguments).
// "-" where the one or the other does not have it.
#define LIT_HOOK_TABLE(X)                                                                                              \
    X(prepare_data, forbidden, "()", "-")                                                                              \
    X(setup, forbidden, "(lit::Stage)", "(trainer, module, lit::Stage)")                                               \
    X(teardown, forbidden, "(lit::Stage)", "(trainer, module, lit::Stage)")                                            \
    X(configure_model, forbidden, "()", "-")                                                                           \
    X(configure_optimizers, forbidden, "()", "-")                                                                      \
    X(train_dataloader, forbidden, "()", "-")                                                                          \
    X(val_dataloader, forbidden, "()", "-")                                                                            \
    X(test_dataloader, forbidden, "()", "-")                                                                           \
    X(predict_dataloader, forbidden, "()", "-")                                                                        \
    X(on_before_batch_transfer, forbidden, "(batch, dataloader_idx)", "-")                                             \
    X(transfer_batch_to_device, forbidden, "(batch, device, dataloader_idx)", "-")                                     \
    X(on_after_batch_transfer, forbidden, "(batch, dataloader_idx)", "-")                                              \
    X(on_fit_start, forbidden, "()", "(trainer, module)")                                                              \
    X(on_fit_end, forbidden, "()", "(trainer, module)")                                                                \
    X(on_sanity_check_start, forbidden, "-", "(trainer, module)")                                                      \
    X(on_sanity_check_end, forbidden, "-", "(trainer, module)")                                                        \
    X(on_train_start, epoch, "()", "(trainer, module)")                                                                \
    X(on_train_end, forbidden, "()", "(trainer, module)")                                                              \
    X(on_train_epoch_start, epoch, "()", "(trainer, module)")                                                          \
    X(on_train_epoch_end, epoch, "()", "(trainer, module)")                                                            \
    X(on_train_batch_start, step, "(batch, batch_idx)", "(trainer, module, batch, batch_idx)")                         \
    X(on_train_batch_end, step, "(outputs, batch, batch_idx)", "(trainer, module, outputs, batch, batch_idx)")         \
    X(training_step, step, "(batch, batch_idx)", "-")                                                                  \
    X(on_before_zero_grad, step, "(optimizer)", "(trainer, module, optimizer)")                                        \
    X(optimizer_zero_grad, step, "(epoch, batch_idx, optimizer)", "-")                                                 \
    X(on_before_backward, step, "(loss)", "(trainer, module, loss)")                                                   \
    X(backward, step, "(loss)", "-")                                                                                   \
    X(on_after_backward, step, "()", "(trainer, module)")                                                              \
    X(on_before_optimizer_step, step, "(optimizer)", "(trainer, module, optimizer)")                                   \
    X(configure_gradient_clipping, step, "(optimizer, std::optional<double>, lit::ClipAlgorithm)", "-")                \
    X(optimizer_step, step, "(epoch, batch_idx, optimizer, closure)", "-")                                             \
    X(lr_scheduler_step, forbidden, "(scheduler, std::optional<double> metric)", "-")                                  \
    X(on_validation_model_zero_grad, forbidden, "()", "-")                                                             \
    X(on_validation_model_eval, forbidden, "()", "-")                                                                  \
    X(on_validation_model_train, forbidden, "()", "-")                                                                 \
    X(on_validation_start, epoch, "()", "(trainer, module)")                                                           \
    X(on_validation_end, forbidden, "()", "(trainer, module)")                                                         \
    X(on_validation_epoch_start, epoch, "()", "(trainer, module)")                                                     \
    X(on_validation_epoch_end, epoch, "()", "(trainer, module)")                                                       \
    X(on_validation_batch_start, batch, "(batch, batch_idx, dataloader_idx)",                                          \
      "(trainer, module, batch, batch_idx, dataloader_idx)")                                                           \
    X(on_validation_batch_end, batch, "(outputs, batch, batch_idx, dataloader_idx)",                                   \
      "(trainer, module, outputs, batch, batch_idx, dataloader_idx)")                                                  \
    X(validation_step, batch, "(batch, batch_idx, dataloader_idx)", "-")                                               \
    X(on_test_model_eval, forbidden, "()", "-")                                                                        \
    X(on_test_model_train, forbidden, "()", "-")                                                                       \
    X(on_test_start, epoch, "()", "(trainer, module)")                                                                 \
    X(on_test_end, forbidden, "()", "(trainer, module)")                                                               \
    X(on_test_epoch_start, epoch, "()", "(trainer, module)")                                                           \
    X(on_test_epoch_end, epoch, "()", "(trainer, module)")                                                             \
    X(on_test_batch_start, batch, "(batch, batch_idx, dataloader_idx)",                                                \
      "(trainer, module, batch, batch_idx, dataloader_idx)")                                                           \
    X(on_test_batch_end, batch, "(outputs, batch, batch_idx, dataloader_idx)",                                         \
      "(trainer, module, outputs, batch, batch_idx, dataloader_idx)")                                                  \
    X(test_step, batch, "(batch, batch_idx, dataloader_idx)", "-")                                                     \
    X(on_predict_model_eval, forbidden, "()", "-")                                                                     \
    X(on_predict_start, forbidden, "()", "(trainer, module)")                                                          \
    X(on_predict_end, forbidden, "()", "(trainer, module)")                                                            \
    X(on_predict_epoch_start, forbidden, "()", "(trainer, module)")                                                    \
    X(on_predict_epoch_end, forbidden, "()", "(trainer, module)")                                                      \
    X(on_predict_batch_start, forbidden, "(batch, batch_idx, dataloader_idx)",                                         \
      "(trainer, module, batch, batch_idx, dataloader_idx)")                                                           \
    X(on_predict_batch_end, forbidden, "(outputs, batch, batch_idx, dataloader_idx)",                                  \
      "(trainer, module, outputs, batch, batch_idx, dataloader_idx)")                                                  \
    X(predict_step, forbidden, "(batch, batch_idx, dataloader_idx)", "-")                                              \
    X(on_exception, forbidden, "-", "(trainer, module, const std::exception&)")                                        \
    X(on_save_checkpoint, forbidden, "(lit::Dict& checkpoint)", "(trainer, module, lit::Dict& checkpoint)")            \
    X(on_load_checkpoint, forbidden, "(const lit::Dict& checkpoint)", "(trainer, module, const lit::Dict& checkpoint)")

/// The number of a hook: a metric's slot belongs to the pair of hook and name.
enum class Hook : std::uint8_t {
#define LIT_HOOK_ENUMERATOR(NAME, LOGGING, MODULE, CALLBACK) NAME,
    LIT_HOOK_TABLE(LIT_HOOK_ENUMERATOR)
#undef LIT_HOOK_ENUMERATOR
        none
};
inline constexpr std::size_t hook_count = static_cast<std::size_t>(Hook::none);

/// One row of the table of hooks.
struct HookInfo {
    std::string_view name;
    Logging logging;
    std::string_view module_arguments;    ///< "-" when modules do not have the hook
    std::string_view callback_arguments;  ///< "-" when callbacks do not have the hook
};

inline constexpr HookInfo hook_table[] = {
#define LIT_HOOK_ROW(NAME, LOGGING, MODULE, CALLBACK) {#NAME, Logging::LOGGING, MODULE, CALLBACK},
    LIT_HOOK_TABLE(LIT_HOOK_ROW)
#undef LIT_HOOK_ROW
        {"", Logging::forbidden, "-", "-"}};

[[nodiscard]] constexpr const HookInfo& info(Hook hook) { return hook_table[static_cast<std::size_t>(hook)]; }

/// One type per hook: is there a member of that name, can it be called with these arguments, call it.
namespace hooks {
#define LIT_HOOK_TYPE(NAME, LOGGING, MODULE, CALLBACK)                                                                 \
    struct NAME {                                                                                                      \
        static constexpr Hook id = Hook::NAME;                                                                         \
        struct Name {                                                                                                  \
            int NAME;                                                                                                  \
        };                                                                                                             \
        template <class T>                                                                                             \
        struct Probe : T, Name {};                                                                                     \
        template <class T, class... Args>                                                                              \
        static constexpr bool accepts =                                                                                \
            requires(T& target, Args&&... args) { target.NAME(static_cast<Args&&>(args)...); };                        \
        template <class T>                                                                                             \
        static constexpr bool names = [] {                                                                             \
            if constexpr (std::is_final_v<T>) {                                                                        \
                return requires { &T::NAME; };                                                                         \
            } else {                                                                                                   \
                return !requires { &Probe<T>::NAME; };                                                                 \
            }                                                                                                          \
        }();                                                                                                           \
        template <class T, class... Args>                                                                              \
        using returned = decltype(std::declval<T&>().NAME(std::declval<Args>()...));                                   \
        template <class T, class... Args>                                                                              \
        static decltype(auto) call(T& target, Args&&... args) {                                                        \
            return target.NAME(static_cast<Args&&>(args)...);                                                          \
        }                                                                                                              \
        /* A member of that name that calls the closure, where that can be called. */                                 \
        template <class Closure>                                                                                       \
        struct Member {                                                                                                \
            [[no_unique_address]] Closure closure;                                                                     \
            template <class... Args>                                                                                   \
                requires requires(Closure& c, Args&&... args) { c(static_cast<Args&&>(args)...); }                     \
            decltype(auto) NAME(Args&&... args) {                                                                      \
                return closure(static_cast<Args&&>(args)...);                                                          \
            }                                                                                                          \
        };                                                                                                             \
        template <bool Callable>                                                                                       \
        static constexpr void check_module() {                                                                         \
            static_assert(Callable, "lit: this module has a member " #NAME " that cannot be called as " #NAME MODULE   \
                                    ". Write these arguments (trailing ones may be left out, auto& trainer may stand " \
                                    "before them), and make the member public.");                                      \
        }                                                                                                              \
        template <bool Callable>                                                                                       \
        static constexpr void check_data() {                                                                           \
            static_assert(Callable, "lit: this data module has a member " #NAME " that cannot be called as " #NAME     \
                                    MODULE ". Write these arguments (trailing ones may be left out), and make the "    \
                                    "member public.");                                                                 \
        }                                                                                                              \
        template <bool Callable>                                                                                       \
        static constexpr void check_callback() {                                                                       \
            static_assert(Callable, "lit: this callback has a member " #NAME                                           \
                                    " that cannot be called as " #NAME CALLBACK                                        \
                                    ". Write these arguments (trailing ones may be left out), and make the member "    \
                                    "public.");                                                                        \
        }                                                                                                              \
    };
LIT_HOOK_TABLE(LIT_HOOK_TYPE)
#undef LIT_HOOK_TYPE
}  // namespace hooks

/// All hook types, for checks and documentation that walk the table.
template <class... Hooks>
struct HookList {};
namespace detail {
// The leading `void` only takes the first comma.
template <class Ignored, class... Hooks>
HookList<Hooks...> drop_first(HookList<Ignored, Hooks...>);
}  // namespace detail
#define LIT_HOOK_NAME(NAME, LOGGING, MODULE, CALLBACK) , hooks::NAME
using AllHooks = decltype(detail::drop_first(HookList<void LIT_HOOK_TABLE(LIT_HOOK_NAME)>{}));
#undef LIT_HOOK_NAME
#undef LIT_HOOK_TABLE

namespace detail {

/// How a hook takes its arguments: so many leading ones, or none of the forms that were tried.
struct Form {
    bool found = false;
    bool with_trainer = false;
    std::size_t count = 0;
};

template <class H, class T, class Arguments, class... Front, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
    return H::template accepts<T, Front..., std::tuple_element_t<I, Arguments>...>;
}

template <class H, class T, class Arguments, std::size_t N>
consteval Form callback_form() {
    if constexpr (takes<H, T, Arguments>(std::make_index_sequence<N>{})) {
        return {true, false, N};
    } else if constexpr (N > 0) {
        return callback_form<H, T, Arguments, N - 1>();
    } else {
        return {};
    }
}

template <class H, class T, class Trainer, class Arguments, std::size_t N>
consteval Form module_form() {
    if constexpr (takes<H, T, Arguments>(std::make_index_sequence<N>{})) {
        return {true, false, N};
    } else if constexpr (takes<H, T, Arguments, Trainer&>(std::make_index_sequence<N>{})) {
        return {true, true, N};
    } else if constexpr (N > 0) {
        return module_form<H, T, Trainer, Arguments, N - 1>();
    } else {
        return {};
    }
}

template <class H, class T, class Arguments, std::size_t... I>
decltype(auto) call_leading(T& target, Arguments& arguments, std::index_sequence<I...>) {
    return H::call(target, static_cast<std::tuple_element_t<I, Arguments>>(std::get<I>(arguments))...);
}
template <class H, class T, class Trainer, class Arguments, std::size_t... I>
decltype(auto) call_leading_with(T& target, Trainer& trainer, Arguments& arguments, std::index_sequence<I...>) {
    return H::call(target, trainer, static_cast<std::tuple_element_t<I, Arguments>>(std::get<I>(arguments))...);
}

}  // namespace detail

/// Whether `T` has a hook `H` at all (for a final type: whether it can be called).
template <class H, class T, class... Args>
inline constexpr bool has_callback_hook = [] {
    if constexpr (std::is_final_v<T>) {
        return detail::callback_form<H, T, std::tuple<Args...>, sizeof...(Args)>().found;
    } else {
        return H::template names<T>;
    }
}();
template <class H, class Trainer, class T, class... Args>
inline constexpr bool has_module_hook = [] {
    if constexpr (std::is_final_v<T>) {
        return detail::module_form<H, T, Trainer, std::tuple<Args...>, sizeof...(Args)>().found;
    } else {
        return H::template names<T>;
    }
}();

/// Calls a callback's hook with as many leading arguments (trainer, module, Lightning's) as it takes.
template <class H, class T, class... Args>
decltype(auto) call_callback_hook(T& target, Args&&... args) {
    using Arguments = std::tuple<Args&&...>;
    constexpr auto form = detail::callback_form<H, T, Arguments, sizeof...(Args)>();
    H::template check_callback<form.found>();
    if constexpr (form.found) {
        Arguments arguments(static_cast<Args&&>(args)...);
        return detail::call_leading<H>(target, arguments, std::make_index_sequence<form.count>{});
    }
}

/// Calls a module's hook with as many of Lightning's arguments as it takes, and the trainer before them if wanted.
template <class H, class Trainer, class T, class... Args>
decltype(auto) call_module_hook(Trainer& trainer, T& target, Args&&... args) {
    using Arguments = std::tuple<Args&&...>;
    constexpr auto form = detail::module_form<H, T, Trainer, Arguments, sizeof...(Args)>();
    H::template check_module<form.found>();
    if constexpr (form.found) {
        Arguments arguments(static_cast<Args&&>(args)...);
        if constexpr (form.with_trainer) {
            return detail::call_leading_with<H>(target, trainer, arguments, std::make_index_sequence<form.count>{});
        } else {
            return detail::call_leading<H>(target, arguments, std::make_index_sequence<form.count>{});
        }
    }
}

}  // namespace lit
