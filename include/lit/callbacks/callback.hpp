// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/checkpoint_io.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/logger.hpp>

#include <ATen/core/Tensor.h>

#include <boost/hana/at.hpp>
#include <boost/hana/basic_tuple.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit {

/// Roles that a trainer can hold once, or has to treat apart. A component says `using Role = lit::role::...;`.
namespace role {
struct none {};
struct progress_bar {};
struct model_summary {};
struct gradient_accumulation {};
struct gradient_clip {};
struct checkpoint_io {};  ///< writes the checkpoints of all others
struct timer {};  ///< `max_time` and the default of `max_epochs` step back for it
struct checkpoint {};  ///< runs after all others, and after the module in on_train_epoch_end
struct monitor {};     ///< runs after the module in on_train_epoch_end, so that it sees what is logged there
}  // namespace role

namespace detail {

template <class C>
struct ComponentOf {
    using type = C;
};
template <class C>
struct ComponentOf<std::optional<C>> {
    using type = C;
};
/// `std::optional<Component>` is a component that may be absent.
template <class C>
using component_t = typename ComponentOf<std::remove_cvref_t<C>>::type;

template <class C>
struct RoleOf {
    using type = role::none;
};
template <class C>
    requires requires { typename C::Role; }
struct RoleOf<C> {
    using type = typename C::Role;
};
template <class C>
using role_t = typename RoleOf<component_t<C>>::type;
template <class C, class Role>
inline constexpr bool has_role = std::same_as<role_t<C>, Role>;

template <class C, class... Hooks>
consteval bool names_any(HookList<Hooks...>) {
    if constexpr (std::is_class_v<C> && !std::is_final_v<C>) {
        return ((info(Hooks::id).callback_arguments != "-" && Hooks::template names<C>) || ...);
    } else {
        return std::is_class_v<C>;
    }
}

}  // namespace detail

/// How gradients are limited, with Lightning's two algorithms.
enum class ClipAlgorithm : std::uint8_t { norm, value };

template <class C>
concept ListensToHooks = detail::names_any<C>(AllHooks{});
/// Decides over how many batches gradients are added up: `accumulate_grad_batches()`.
template <class C>
concept AccumulatesGradients = requires(const C& c) {
    { c.accumulate_grad_batches() } -> std::convertible_to<std::int64_t>;
};
/// Limits gradients before an optimizer's step: `clip_val()`, `algorithm()`.
template <class C>
concept ClipsGradients = requires(const C& c) {
    { c.clip_val() } -> std::convertible_to<double>;
    { c.algorithm() } -> std::same_as<ClipAlgorithm>;
};
/// Puts a schedule of its own in place of the module's: `replaces_schedule()`, and `schedule()`, a pointer to a slot with
/// the first optimizer's scheduler, or null when there is to be none.
template <class C>
concept ReplacesSchedule = requires(C& c, const C& k) {
    { k.replaces_schedule() } -> std::same_as<bool>;
    c.schedule()->scheduler;
};
/// Has a fit go through the training batches once more without gradients: so many `extra_epochs()`; `passes_over_data()`
/// from the beginning of that epoch on, `skips_backward()` inside of it.
template <class C>
concept PassesOverData = requires(const C& c) {
    { c.extra_epochs() } -> std::convertible_to<std::int64_t>;
    { c.passes_over_data() } -> std::same_as<bool>;
    { c.skips_backward() } -> std::same_as<bool>;
};
/// Multiplies the learning rates for the length of one update: `learning_rate_factor(global_step)`. Schedules, checkpoints
/// and the optimizer's own numbers do not see it.
template <class C>
concept ScalesLearningRates = requires(const C& c, std::int64_t global_step) {
    { c.learning_rate_factor(global_step) } -> std::convertible_to<double>;
};
/// Wants to know in `predict` which samples a batch is made of, and what all batches came to.
template <class C>
concept WritesPredictions = requires {
    requires C::writes_predictions;
};
/// Says how many samples the training batches hold: `choose_batch_size(epoch, global_step)` is called when an epoch begins,
/// `batch_size()` is what was chosen last; empty as long as the loader's own size is to stay.
template <class C>
concept SizesBatches = requires(C& c, const C& k, std::int64_t n) {
    c.choose_batch_size(n, n);
    { k.batch_size() } -> std::convertible_to<std::optional<std::int64_t>>;
};
/// Has state that a checkpoint holds, under a key that tells two of a kind apart.
template <class C>
concept StatefulCallback = requires(C& c, const C& k, const Dict& d) {
    { k.state_key() } -> std::convertible_to<std::string>;
    { k.state_dict() } -> std::convertible_to<Dict>;
    c.load_state_dict(d);
};

/// What stands in the trainer's third slot: a callback with at least one of Lightning's hooks, a logger,
/// GradientAccumulation, GradientClip, AsyncCheckpoint; or an std::optional of one.
///
/// Hooks are found by their names and called with `(auto& trainer, auto& module, ...)` and Lightning's arguments;
/// trailing ones may be left out. A hook that is nearly right does not compile. There is no base class.
/// Models  ModelCheckpoint, EarlyStopping, LearningRateMonitor, ModelSummary, ProgressBar, GradientAccumulation,
///         GradientClip, every logger, and yours.
template <class C>
concept CallbackPolicy =
    std::movable<std::remove_cvref_t<C>> &&
    (ListensToHooks<detail::component_t<C>> || LoggerPolicy<detail::component_t<C>> ||
     AccumulatesGradients<detail::component_t<C>> || ClipsGradients<detail::component_t<C>> ||
     ScalesLearningRates<detail::component_t<C>> || SizesBatches<detail::component_t<C>> ||
     CheckpointIOPolicy<detail::component_t<C>>);

/// A trainer holds its components in one of these: empty ones take no room.
template <class... C>
using ComponentTuple = boost::hana::basic_tuple<C...>;

namespace detail {

/// Which component is called first, second, ...: in the order given, checkpoints last.
template <class... C>
inline constexpr auto calling_order = [] {
    std::array<std::size_t, sizeof...(C)> order{};
    std::size_t next = 0;
    for ([[maybe_unused]] const bool last : {false, true}) {  // unused where there are no components
        std::size_t index = 0;
        ((has_role<C, role::checkpoint> == last ? void(order[next++] = index++) : void(++index)), ...);
    }
    return order;
}();

}  // namespace detail

/// Calls `f` with every component that is there, in the order given, checkpoints last.
template <class... C, class F>
constexpr void for_each_component(ComponentTuple<C...>& components, F&& f) {
    // Nothing but `f` is instantiated for each component that is sure to be there: this is called from everywhere.
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        constexpr auto order = detail::calling_order<C...>;
        if constexpr ((std::same_as<C, detail::component_t<C>> && ...)) {
            (f(boost::hana::at_c<order[I]>(components)), ...);
        } else {
            const auto visit = [&f](auto& component) {
                using Given = std::remove_cvref_t<decltype(component)>;
                if constexpr (std::same_as<Given, detail::component_t<Given>>) {
                    f(component);
                } else if (component.has_value()) {
                    f(*component);
                }
            };
            (visit(boost::hana::at_c<order[I]>(components)), ...);
        }
    }(std::index_sequence_for<C...>{});
}

namespace detail {

/// What the components multiply the rates of the update by that comes after so many.
template <class... C>
[[nodiscard]] constexpr double learning_rate_factor(ComponentTuple<C...>& components, std::int64_t global_step) {
    double factor = 1.0;
    for_each_component(components, [&](auto& component) {
        if constexpr (ScalesLearningRates<std::remove_reference_t<decltype(component)>>) {
            factor *= static_cast<double>(component.learning_rate_factor(global_step));
        }
    });
    return factor;
}

}  // namespace detail

namespace detail {

// What follows costs nothing where no component replaces schedules or passes over data once more.

template <class... C>
[[nodiscard]] constexpr bool replaces_schedule(ComponentTuple<C...>& components) {
    bool replaces = false;
    for_each_component(components, [&replaces](auto& component) {
        if constexpr (ReplacesSchedule<std::remove_reference_t<decltype(component)>>) {
            replaces = replaces || component.replaces_schedule();
        }
    });
    return replaces;
}
template <class... C>
[[nodiscard]] constexpr std::int64_t extra_epochs(ComponentTuple<C...>& components) {
    std::int64_t epochs = 0;
    for_each_component(components, [&epochs](auto& component) {
        if constexpr (PassesOverData<std::remove_reference_t<decltype(component)>>) {
            epochs += component.extra_epochs();
        }
    });
    return epochs;
}
template <class... C>
[[nodiscard]] constexpr bool passes_over_data(ComponentTuple<C...>& components) {
    bool passes = false;
    for_each_component(components, [&passes](auto& component) {
        if constexpr (PassesOverData<std::remove_reference_t<decltype(component)>>) {
            passes = passes || component.passes_over_data();
        }
    });
    return passes;
}
template <class... C>
[[nodiscard]] constexpr bool skips_backward(ComponentTuple<C...>& components) {
    bool skips = false;
    for_each_component(components, [&skips](auto& component) {
        if constexpr (PassesOverData<std::remove_reference_t<decltype(component)>>) {
            skips = skips || component.skips_backward();
        }
    });
    return skips;
}

}  // namespace detail
}  // namespace lit
