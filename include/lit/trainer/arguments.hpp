// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/data_module.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/loader.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/configuration.hpp>

#include <concepts>
#include <filesystem>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// What is handed to fit, validate, test and predict: things that look right and are not, each with its own
/// message.
namespace lit::detail {

template <class M>
inline constexpr bool points_to_module = [] {
    if constexpr (requires(M & pointer) { *pointer; }) {
        return ModulePolicy<std::remove_cvref_t<decltype(*std::declval<M&>())>>;
    } else {
        return false;
    }
}();

template <class Self, class HParams>
Self self_of(const Module<Self, HParams>*);
/// Whether the class in the brackets of lit::Module is the class itself, or a base of it.
template <class M>
inline constexpr bool derives_with_itself = [] {
    if constexpr (requires { typename std::type_identity<decltype(self_of(std::declval<M*>()))>; }) {
        return std::derived_from<M, decltype(self_of(std::declval<M*>()))>;
    } else {
        return true;
    }
}();

template <class M>
consteval bool check_module_argument() {
    static_assert(!points_to_module<M>,
                  "lit: a pointer to a module was given. The trainer takes the module itself: "
                  "trainer.fit(*module, ...).");
    static_assert(!std::is_const_v<M>,
                  "lit: a const module was given, but a run ties the module to itself and sets its mode. "
                  "Drop the const.");
    static_assert(!LoaderSource<M> && (ModulePolicy<M> || !DataModulePolicy<M>),
                  "lit: the data were given before the module. Write trainer.fit(module, data), and so for "
                  "validate, test "
                  "and predict.");
    static_assert(derives_with_itself<M>,
                  "lit: this module derives from the lit::Module of another class. Write the class itself in "
                  "the brackets: "
                  "struct Net : lit::Module<Net, HParams> { ... };");
    return true;
}

template <class M>
consteval bool check_module_has_a_name() {
    static_assert(std::is_void_v<M>,
                  "lit: a temporary module was given, and what it learns would be lost with it. Give it a "
                  "name: Net net; "
                  "trainer.fit(net, ...).");
    return true;
}

template <class T>
inline constexpr bool is_text =
    std::convertible_to<const T&, std::string_view> || std::same_as<T, std::filesystem::path>;

template <class M, class Data>
consteval bool check_data_argument() {
    static_assert(LoaderSource<Data> || !DatasetPolicy<Data>,
                  "lit: a dataset was given where batches are expected. Write lit::DataLoader{dataset, "
                  "{.batch_size = 32}}.");
    static_assert(
        !ModulePolicy<M> || !is_text<Data>,
        "lit: a text was given where batches are expected. A checkpoint to start from is an option: "
        "trainer.fit(module, data, {.ckpt_path = \"last.ckpt\"}).");
    return true;
}

template <class Train, class Val>
consteval bool check_loader_arguments() {
    static_assert(!is_text<std::decay_t<Val>>,
                  "lit: the third argument of fit is a text, expected validation batches. A checkpoint to "
                  "start from is an "
                  "option: {.ckpt_path = \"last.ckpt\"}.");
    static_assert(is_text<std::decay_t<Val>> || (LoaderSource<Train> && LoaderSource<Val>),
                  "lit: fit(module, train, val) takes two loaders. A data module stands alone: fit(module, "
                  "data); a dataset "
                  "goes into a lit::DataLoader first.");
    return true;
}

template <class T>
struct HoldsScheduler : std::bool_constant<LRSchedulerPolicy<T>> {};
template <class S, class M>
struct HoldsScheduler<LRSchedulerConfig<S, M>> : std::true_type {};
template <class... T>
struct HoldsScheduler<std::tuple<T...>> : std::disjunction<HoldsScheduler<T>...> {};
template <class A, class B>
struct HoldsScheduler<std::pair<A, B>> : std::disjunction<HoldsScheduler<A>, HoldsScheduler<B>> {};
template <class T>
struct HoldsScheduler<std::vector<T>> : HoldsScheduler<T> {};

template <class T>
struct LacksMonitor : std::false_type {};
template <class O, class S>
struct LacksMonitor<OptimizerConfig<O, S, NoMonitor>> : std::true_type {};
template <class... T>
struct LacksMonitor<std::tuple<T...>> : std::disjunction<LacksMonitor<T>...> {};
template <class T>
struct LacksMonitor<std::vector<T>> : LacksMonitor<T> {};

template <class T>
inline constexpr bool points_to_optimizer = [] {
    if constexpr (requires(T & pointer) {
                      *pointer;
                      pointer.operator->();
                  } ||
                  std::is_pointer_v<T>) {
        return true;
    } else {
        return false;
    }
}();

template <class M>
consteval bool check_returned_optimizers() {
    if constexpr (requires(M & module) { module.configure_optimizers(); }) {
        using Returned = decltype(std::declval<M&>().configure_optimizers());
        static_assert(!std::is_void_v<Returned>,
                      "lit: configure_optimizers() returns nothing. Return the optimizer, or an empty "
                      "std::tuple<> to train "
                      "without one.");
        static_assert(!std::is_reference_v<Returned>,
                      "lit: configure_optimizers() must return by value: the run takes its optimizers over.");
        static_assert(std::is_reference_v<Returned> || !points_to_optimizer<Returned>,
                      "lit: configure_optimizers() returned a pointer. Return the optimizer itself: the run "
                      "takes it over.");
        static_assert(!HoldsScheduler<Returned>::value,
                      "lit: configure_optimizers() returned a scheduler beside the optimizer. Write "
                      "lit::OptimizerConfig{"
                      ".optimizer = ..., .lr_scheduler = ...}.");
        static_assert(
            !automatic_optimization<M> || !LacksMonitor<Returned>::value,
            "lit: this lr_scheduler steps by a metric (ReduceLROnPlateau), and none is named. Write "
            "lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{...}, .monitor = \"val_loss\"}.");
    }
    return true;
}

}  // namespace lit::detail
