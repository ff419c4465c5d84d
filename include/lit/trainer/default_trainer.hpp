// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/model_summary.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/core/references.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace lit {
namespace detail {

/// The numbers of those that are wanted.
template <bool... Wanted>
struct Chosen {
    static constexpr std::size_t count = (std::size_t{0} + ... + (Wanted ? 1U : 0U));
    static constexpr std::array<std::size_t, count + 1> places = [] {
        std::array<std::size_t, count + 1> found{};
        std::size_t next = 0;
        std::size_t place = 0;
        ((Wanted ? static_cast<void>(found[next++] = place++) : static_cast<void>(++place)), ...);
        return found;
    }();
    template <std::size_t... I>
    static std::index_sequence<places[I]...> sequence(std::index_sequence<I...> /*all*/);
    using type = decltype(sequence(std::make_index_sequence<count>{}));
};

/// What `use(value...)` returns, called with those of the values for whose types `Wanted` holds.
template <template <class> class Wanted, class Use, class... Each>
auto with_chosen(Use&& use, Each&... each) {
    return [&, all = refer_to(each...)]<std::size_t... I>(std::index_sequence<I...> /*chosen*/) {
        return use(referred<I>(all)...);
    }(typename Chosen<Wanted<Each>::value...>::type{});
}

/// In the place of a default for a role that a given component has.
struct NoDefault {};

template <class T>
struct IsStrategy : std::bool_constant<StrategyPolicy<T>> {};
template <class T>
struct IsPrecision : std::bool_constant<PrecisionPolicy<T>> {};
template <class T>
struct IsComponent
    : std::bool_constant<!StrategyPolicy<T> && !PrecisionPolicy<T> && !std::is_same_v<T, NoDefault>> {};

}  // namespace detail

/// A trainer with Lightning's defaults for every role that is not given: SingleDevice, Fp32, TensorBoardLogger,
/// ProgressBar, ModelSummary, ModelCheckpoint<>. `lit::default_trainer({.max_epochs = 10}, lit::EarlyStopping<"x">{})`.
///
/// A strategy or a precision may stand anywhere among the components.
/// Source  Lightning `Trainer(...)` without logger, enable_* and strategy arguments.
template <class... Given>
[[nodiscard]] auto default_trainer(TrainerOptions options, Given... given) {
    static_assert((0 + ... + (StrategyPolicy<Given> ? 1 : 0)) <= 1 && (0 + ... + (PrecisionPolicy<Given> ? 1 : 0)) <= 1,
                  "lit: default_trainer takes one strategy and one precision at most.");
    using detail::NoDefault;
    std::conditional_t<(StrategyPolicy<Given> || ...), NoDefault, SingleDevice> strategy;
    std::conditional_t<(PrecisionPolicy<Given> || ...), NoDefault, Fp32> precision;
    std::conditional_t<(LoggerPolicy<detail::component_t<Given>> || ...), NoDefault, TensorBoardLogger> logger;
    std::conditional_t<(detail::has_role<Given, role::progress_bar> || ...), NoDefault, ProgressBar> bar;
    std::conditional_t<(detail::has_role<Given, role::model_summary> || ...), NoDefault, ModelSummary> summary;
    std::conditional_t<(detail::has_role<Given, role::checkpoint> || ...), NoDefault, ModelCheckpoint<>> checkpoint;
    return detail::with_chosen<detail::IsStrategy>(
        [&](auto& only_strategy) {
            return detail::with_chosen<detail::IsPrecision>(
                [&](auto& only_precision) {
                    return detail::with_chosen<detail::IsComponent>(
                        [&](auto&... component) {
                            return Trainer(std::move(only_strategy), std::move(only_precision), options,
                                           std::move(component)...);
                        },
                        logger, given..., bar, summary, checkpoint);
                },
                given..., precision);
        },
        given..., strategy);
}

}  // namespace lit
