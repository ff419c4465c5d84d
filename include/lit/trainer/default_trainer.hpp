// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/model_summary.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace lit {
namespace detail {

/// The values of the types for which `Wanted` holds, as a tuple.
template <template <class> class Wanted, class... Given>
auto pick(std::tuple<Given...>&& given) {
    return std::apply(
        [](auto&&... each) {
            return std::tuple_cat([&] {
                using Each = std::remove_cvref_t<decltype(each)>;
                if constexpr (Wanted<Each>::value) {
                    return std::tuple<Each>(std::move(each));
                } else {
                    return std::tuple<>();
                }
            }()...);
        },
        std::move(given));
}

template <class T>
struct IsStrategy : std::bool_constant<StrategyPolicy<T>> {};
template <class T>
struct IsPrecision : std::bool_constant<PrecisionPolicy<T>> {};
template <class T>
struct IsComponent : std::bool_constant<!StrategyPolicy<T> && !PrecisionPolicy<T>> {};

/// A default for a role that none of the given components has.
template <bool Present, class Default>
auto unless() {
    if constexpr (Present) {
        return std::tuple<>();
    } else {
        return std::tuple<Default>(Default{});
    }
}

}  // namespace detail

/// A trainer with Lightning's defaults for every role that is not given: SingleDevice, Fp32, TensorBoardLogger,
/// ProgressBar, ModelSummary, ModelCheckpoint<>. `lit::default_trainer({.max_epochs = 10}, lit::EarlyStopping<"x">{})`.
///
/// A strategy or a precision may stand anywhere among the components.
/// Source  Lightning `Trainer(...)` without logger, enable_* and strategy arguments.
template <class... Given>
[[nodiscard]] auto default_trainer(TrainerOptions options, Given... given) {
    constexpr bool has_strategy = (StrategyPolicy<Given> || ...);
    constexpr bool has_precision = (PrecisionPolicy<Given> || ...);
    constexpr bool has_logger = (LoggerPolicy<detail::component_t<Given>> || ...);
    constexpr bool has_bar = (detail::has_role<Given, role::progress_bar> || ...);
    constexpr bool has_summary = (detail::has_role<Given, role::model_summary> || ...);
    constexpr bool has_checkpoint = (detail::has_role<Given, role::checkpoint> || ...);
    // The three picks take different elements, so nothing is moved from twice.
    std::tuple<Given...> all(std::move(given)...);
    auto strategy = std::tuple_cat(detail::pick<detail::IsStrategy>(std::move(all)),
                                   detail::unless<has_strategy, SingleDevice>());
    auto precision = std::tuple_cat(detail::pick<detail::IsPrecision>(std::move(all)),
                                    detail::unless<has_precision, Fp32>());
    auto components = std::tuple_cat(
        detail::unless<has_logger, TensorBoardLogger>(), detail::pick<detail::IsComponent>(std::move(all)),
        detail::unless<has_bar, ProgressBar>(), detail::unless<has_summary, ModelSummary>(),
        detail::unless<has_checkpoint, ModelCheckpoint<>>());
    static_assert(std::tuple_size_v<decltype(strategy)> == 1 && std::tuple_size_v<decltype(precision)> == 1,
                  "lit: default_trainer takes one strategy and one precision at most.");
    return std::apply(
        [&](auto&... each) {
            return Trainer(std::get<0>(std::move(strategy)), std::get<0>(std::move(precision)), options,
                           std::move(each)...);
        },
        components);
}

}  // namespace lit
