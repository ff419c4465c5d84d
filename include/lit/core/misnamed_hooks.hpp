// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/hooks.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace lit {

// Names that are taken for hooks but are none, once: X(name, hook that is meant, always, what else to say).
// Lightning 2 itself refuses the ones that are `always` wrong; the others count only where the right hook is
// missing, so that a helper function may be called like them.
#define LIT_MISNAMED_TABLE(X)                                                                            \
    X(training_epoch_end, on_train_epoch_end, true,                                                      \
      " It was removed in Lightning 2: keep what the steps return in a member of the module, and write " \
      "on_train_epoch_end() without arguments.")                                                         \
    X(validation_epoch_end, on_validation_epoch_end, true,                                               \
      " It was removed in Lightning 2: keep what the steps return in a member of the module, and write " \
      "on_validation_epoch_end() without arguments.")                                                    \
    X(test_epoch_end, on_test_epoch_end, true,                                                           \
      " It was removed in Lightning 2: keep what the steps return in a member of the module, and write " \
      "on_test_epoch_end() without arguments.")                                                          \
    X(train_step, training_step, false, "")                                                              \
    X(val_step, validation_step, false, "")                                                              \
    X(valid_step, validation_step, false, "")                                                            \
    X(eval_step, validation_step, false, "")                                                             \
    X(testing_step, test_step, false, "")                                                                \
    X(prediction_step, predict_step, false, "")                                                          \
    X(configure_optimizer, configure_optimizers, false, "")                                              \
    X(configure_optimiser, configure_optimizers, false, "")                                              \
    X(configure_optimisers, configure_optimizers, false, "")                                             \
    X(optimiser_step, optimizer_step, false, "")                                                         \
    X(optimiser_zero_grad, optimizer_zero_grad, false, "")                                               \
    X(optimizer_zerograd, optimizer_zero_grad, false, "")                                                \
    X(on_before_optimiser_step, on_before_optimizer_step, false, "")                                     \
    X(configure_gradient_clip, configure_gradient_clipping, false, "")                                   \
    X(scheduler_step, lr_scheduler_step, false, "")                                                      \
    X(on_epoch_start, on_train_epoch_start, false, " It was removed in Lightning 2.")                    \
    X(on_epoch_end, on_train_epoch_end, false, " It was removed in Lightning 2.")                        \
    X(on_batch_start, on_train_batch_start, false, " It was removed in Lightning 2.")                    \
    X(on_batch_end, on_train_batch_end, false, " It was removed in Lightning 2.")                        \
    X(on_init_start, setup, false, " It was removed in Lightning 2.")                                    \
    X(on_init_end, setup, false, " It was removed in Lightning 2.")                                      \
    X(on_pretrain_routine_start, on_fit_start, false, " It was removed in Lightning 2.")                 \
    X(on_pretrain_routine_end, on_fit_start, false, " It was removed in Lightning 2.")                   \
    X(on_configure_sharded_model, configure_model, false, " It was removed in Lightning 2.")             \
    X(configure_sharded_model, configure_model, false, " It was removed in Lightning 2.")                \
    X(on_keyboard_interrupt, on_exception, false, " It was removed in Lightning 2.")                     \
    X(on_training_start, on_train_start, false, "")                                                      \
    X(on_training_end, on_train_end, false, "")                                                          \
    X(on_training_epoch_start, on_train_epoch_start, false, "")                                          \
    X(on_training_epoch_end, on_train_epoch_end, false, "")                                              \
    X(on_training_batch_start, on_train_batch_start, false, "")                                          \
    X(on_training_batch_end, on_train_batch_end, false, "")                                              \
    X(on_train_epoch_ends, on_train_epoch_end, false, "")                                                \
    X(on_validation_epoch_ends, on_validation_epoch_end, false, "")                                      \
    X(on_train_step_end, on_train_batch_end, false, "")                                                  \
    X(on_val_start, on_validation_start, false, "")                                                      \
    X(on_val_end, on_validation_end, false, "")                                                          \
    X(on_val_epoch_start, on_validation_epoch_start, false, "")                                          \
    X(on_val_epoch_end, on_validation_epoch_end, false, "")                                              \
    X(on_val_batch_start, on_validation_batch_start, false, "")                                          \
    X(on_val_batch_end, on_validation_batch_end, false, "")                                              \
    X(train_dataloaders, train_dataloader, false, "")                                                    \
    X(training_dataloader, train_dataloader, false, "")                                                  \
    X(val_dataloaders, val_dataloader, false, " It may return a vector or a tuple of loaders.")          \
    X(valid_dataloader, val_dataloader, false, "")                                                       \
    X(validation_dataloader, val_dataloader, false, "")                                                  \
    X(test_dataloaders, test_dataloader, false, " It may return a vector or a tuple of loaders.")        \
    X(predict_dataloaders, predict_dataloader, false, " It may return a vector or a tuple of loaders.")

namespace detail {

// One class with all the names: looking for one of them in a type that derives from it and from T is ambiguous,
// hence ill-formed, exactly when T has a member of that name.
struct MisnamedHooks {
#define LIT_MISNAMED_MEMBER(NAME, RIGHT, ALWAYS, REMARK) int NAME;
    LIT_MISNAMED_TABLE(LIT_MISNAMED_MEMBER)
#undef LIT_MISNAMED_MEMBER
};
template <class T>
struct MisnamedProbe : T, MisnamedHooks {};

/// Whose hooks are looked at.
enum class HookOwner : std::uint8_t { module, callback, data_module };

template <HookOwner Owner>
consteval bool owner_has(Hook right) {
    const bool loader = right == Hook::train_dataloader || right == Hook::val_dataloader ||
                        right == Hook::test_dataloader || right == Hook::predict_dataloader;
    return Owner == HookOwner::callback ? info(right).callback_arguments != std::string_view("-")
           : Owner == HookOwner::module ? info(right).module_arguments != std::string_view("-")
                                        : loader;
}

/// The rows of the table by number.
template <std::size_t Row>
struct Misnamed;

enum class MisnamedRow : std::size_t {
#define LIT_MISNAMED_ENUMERATOR(NAME, RIGHT, ALWAYS, REMARK) NAME,
    LIT_MISNAMED_TABLE(LIT_MISNAMED_ENUMERATOR)
#undef LIT_MISNAMED_ENUMERATOR
        none
};

#define LIT_MISNAMED_TYPE(NAME, RIGHT, ALWAYS, REMARK)                                   \
    template <>                                                                          \
    struct Misnamed<static_cast<std::size_t>(MisnamedRow::NAME)> {                       \
        template <class T, HookOwner Owner>                                              \
        static consteval bool made() {                                                   \
            if constexpr (!owner_has<Owner>(Hook::RIGHT)) {                              \
                return false;                                                            \
            } else if constexpr (!requires { &MisnamedProbe<T>::NAME; }) {               \
                return ALWAYS || !hooks::RIGHT::names<T>;                                \
            } else {                                                                     \
                return false;                                                            \
            }                                                                            \
        }                                                                                \
        template <HookOwner Owner>                                                       \
        static consteval void report() {                                                 \
            static_assert(Owner != HookOwner::module,                                    \
                          "lit: this module has a member " #NAME                         \
                          ", which is no hook. Lightning's name is " #RIGHT "." REMARK); \
            static_assert(Owner != HookOwner::callback,                                  \
                          "lit: this callback has a member " #NAME                       \
                          ", which is no hook. Lightning's name is " #RIGHT "." REMARK); \
            static_assert(Owner != HookOwner::data_module,                               \
                          "lit: this data module has a member " #NAME                    \
                          ", which is no hook. Lightning's name is " #RIGHT "." REMARK); \
        }                                                                                \
    };
LIT_MISNAMED_TABLE(LIT_MISNAMED_TYPE)
#undef LIT_MISNAMED_TYPE
#undef LIT_MISNAMED_TABLE

/// The first member of `T` that is meant as a hook and misnamed; `MisnamedRow::none` if there is none, and for
/// final types, which nothing can derive from.
template <class T, HookOwner Owner, std::size_t Row = 0>
consteval MisnamedRow first_misnamed() {
    if constexpr (!std::is_class_v<T> || std::is_final_v<T> ||
                  Row == static_cast<std::size_t>(MisnamedRow::none)) {
        return MisnamedRow::none;
    } else if constexpr (Misnamed<Row>::template made<T, Owner>()) {
        return static_cast<MisnamedRow>(Row);
    } else {
        return first_misnamed<T, Owner, Row + 1>();
    }
}
template <MisnamedRow Row, HookOwner Owner>
consteval void report_misnamed() {
    if constexpr (Row != MisnamedRow::none) {
        Misnamed<static_cast<std::size_t>(Row)>::template report<Owner>();
    }
}

}  // namespace detail
}  // namespace lit
