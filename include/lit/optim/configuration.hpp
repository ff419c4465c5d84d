// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/optim/detail/scheduler_slot.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/optimizer_variant.hpp>
#include <lit/optim/scheduler.hpp>
#include <lit/optim/scheduler_variant.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace lit {

namespace detail {

/// Stands for the monitor of a scheduler that needs one and was given none.
struct NoMonitor {
    constexpr NoMonitor() = default;
    // Whether a monitor is named is in the type; a type that is written out has to say so too.
    template <std::convertible_to<std::string_view> Text>
    NoMonitor(const Text& /*monitor*/) {  // NOLINT: found where a text is given
        static_assert(std::is_void_v<Text>,
                      "lit: this type, written out, says that no monitor is named, and one is. Let auto "
                      "configure_optimizers() find the type, or write std::string behind the scheduler: "
                      "lit::OptimizerConfig<lit::SGD, lit::ReduceLROnPlateau, std::string>.");
    }
    [[nodiscard]] static constexpr bool empty() { return true; }
    operator std::string() const { return {}; }  // NOLINT: an empty name
};
/// Known by its type to need a monitor, and has none of its own.
template <class Scheduler>
inline constexpr bool needs_monitor = NeedsMetric<Scheduler>;
template <class Scheduler>
using monitor_t = std::conditional_t<needs_monitor<Scheduler>, NoMonitor, std::string>;

}  // namespace detail

/// A scheduler and when it steps:
/// `lit::LRSchedulerConfig{.scheduler = lit::StepLR{...}, .interval = lit::Interval::step}`.
///
/// `scheduler` may be a scheduler, a `std::variant` of schedulers, or a `std::optional` of either.
/// Errors  ReduceLROnPlateau without a monitor does not compile, but for a module that optimizes by hand;
///         ConfigError when the run is set up: frequency < 1; a variant that holds a scheduler which needs a
///         metric, without a monitor.
/// Source  Lightning's lr_scheduler dictionary, same defaults; `reduce_on_plateau` follows from the
///         scheduler's type.
template <class Scheduler, class Monitor = detail::monitor_t<Scheduler>>
struct LRSchedulerConfig {
    Scheduler scheduler;
    Interval interval = Interval::epoch;
    std::int64_t frequency = 1;  ///< in batches of the epoch, or in epochs
    Monitor monitor{};           ///< a text: the logged value that the scheduler steps by
    bool strict = true;          ///< false: a monitor that is missing is a warning, and the step is left out
    std::string name{};          ///< under which LearningRateMonitor logs it
};

namespace detail {
template <class S>
inline constexpr bool needs_monitor<LRSchedulerConfig<S, NoMonitor>> = true;
}  // namespace detail

/// An optimizer and its schedule, as `configure_optimizers()` returns it:
/// `lit::OptimizerConfig{.optimizer = lit::AdamW{parameters()}, .lr_scheduler = lit::StepLR{{.step_size = 9}}}`.
///
/// `optimizer` may be a `std::variant`; `lr_scheduler` a scheduler, an LRSchedulerConfig, a `std::variant` or
/// `std::optional` of them, or a tuple or vector of several.
/// `monitor` serves the schedulers that name none themselves.
template <class Optimizer, class Scheduler = NoScheduler, class Monitor = detail::monitor_t<Scheduler>>
struct OptimizerConfig {
    Optimizer optimizer;
    Scheduler lr_scheduler{};
    Monitor monitor{};
};

namespace detail {

template <class T>
struct SchedulerOf {  // the type that a slot holds
    using type = T;
};
template <class... Ss>
struct SchedulerOf<std::variant<Ss...>> {
    using type = SchedulerVariant<Ss...>;
};
template <class T>
struct OptimizerOf {
    using type = T;
};
template <class... Os>
struct OptimizerOf<std::variant<Os...>> {
    using type = OptimizerVariant<Os...>;
};
template <class T>
using OptimizerFor = typename OptimizerOf<T>::type;

/// What is in `lr_scheduler`, as a tuple of slots, of optional slots and of vectors of slots.
template <class S>
struct SlotsOf {
    static_assert(
        LRSchedulerPolicy<typename SchedulerOf<S>::type>,
        "lit: this lr_scheduler is no scheduler. Expected initialize(optimizer), step(optimizer) or "
        "step(optimizer, metric), state_dict(), load_state_dict(value) and last_lr().");
    using Slot = SchedulerSlot<typename SchedulerOf<S>::type>;
    static auto make(S&& scheduler, const std::string& monitor) {
        return SlotsOf<LRSchedulerConfig<S, std::string>>::make(
            {.scheduler = std::move(scheduler), .monitor = monitor}, monitor);
    }
};
template <class S, class Monitor>
struct SlotsOf<LRSchedulerConfig<S, Monitor>> {
    using Slot = typename SlotsOf<S>::Slot;
    static auto make(LRSchedulerConfig<S, Monitor>&& config, const std::string& monitor) {
        std::string own(std::move(config.monitor));
        return std::tuple<Slot>(Slot{typename SchedulerOf<S>::type(std::move(config.scheduler)),
                                     config.interval, config.frequency,
                                     own.empty() ? monitor : std::move(own), config.strict,
                                     std::move(config.name)});
    }
};
template <>
struct SlotsOf<NoScheduler> {
    static std::tuple<> make(NoScheduler&&, const std::string&) { return {}; }
};
template <class S>
struct SlotsOf<std::optional<S>> {
    using Slot = typename SlotsOf<S>::Slot;
    static auto make(std::optional<S>&& scheduler, const std::string& monitor) {
        std::optional<Slot> slot;
        if (scheduler) {
            slot.emplace(std::get<0>(SlotsOf<S>::make(std::move(*scheduler), monitor)));
        }
        return std::tuple<std::optional<Slot>>(std::move(slot));
    }
};
template <class S, class Monitor>
struct SlotsOf<LRSchedulerConfig<std::optional<S>, Monitor>> {
    static auto make(LRSchedulerConfig<std::optional<S>, Monitor>&& config, const std::string& monitor) {
        using Inner = LRSchedulerConfig<S, std::string>;
        std::optional<Inner> inner;
        if (config.scheduler) {
            inner.emplace(Inner{std::move(*config.scheduler), config.interval, config.frequency,
                                std::string(std::move(config.monitor)), config.strict,
                                std::move(config.name)});
        }
        return SlotsOf<std::optional<Inner>>::make(std::move(inner), monitor);
    }
};
template <class S>
struct SlotsOf<std::vector<S>> {
    static auto make(std::vector<S>&& schedulers, const std::string& monitor) {
        std::vector<typename SlotsOf<S>::Slot> slots;
        for (S& scheduler : schedulers) {
            slots.push_back(std::get<0>(SlotsOf<S>::make(std::move(scheduler), monitor)));
        }
        return std::tuple<decltype(slots)>(std::move(slots));
    }
};
template <class... Ss>
struct SlotsOf<std::tuple<Ss...>> {
    static auto make(std::tuple<Ss...>&& schedulers, const std::string& monitor) {
        return std::apply(
            [&](Ss&... each) { return std::tuple_cat(SlotsOf<Ss>::make(std::move(each), monitor)...); },
            schedulers);
    }
};

/// One optimizer with its slots.
template <class O, class Slots>
struct ConfiguredEntry {
    O optimizer;
    Slots slots;
};

template <class T>
struct EntryOf {
    static_assert(
        OptimizerPolicy<OptimizerFor<T>>,
        "lit: configure_optimizers() returned something that is no optimizer. Expected an optimizer, a "
        "lit::OptimizerConfig{.optimizer = ..., .lr_scheduler = ...}, a std::variant of optimizers, or a "
        "tuple, array or vector of these.");
    static auto make(T&& optimizer) {
        return ConfiguredEntry<OptimizerFor<T>, std::tuple<>>{OptimizerFor<T>(std::move(optimizer)), {}};
    }
};
template <class O, class S, class Monitor>
struct EntryOf<OptimizerConfig<O, S, Monitor>> {
    static auto make(OptimizerConfig<O, S, Monitor>&& config) {
        auto slots = SlotsOf<S>::make(std::move(config.lr_scheduler), std::string(std::move(config.monitor)));
        return ConfiguredEntry<OptimizerFor<O>, decltype(slots)>{OptimizerFor<O>(std::move(config.optimizer)),
                                                                 std::move(slots)};
    }
};

/// What `configure_optimizers()` returned, as a tuple of entries or a vector of equal ones.
template <class T>
struct EntriesOf {
    static auto make(T&& one) {
        return std::tuple<decltype(EntryOf<T>::make(std::move(one)))>(EntryOf<T>::make(std::move(one)));
    }
};
template <class... Ts>
struct EntriesOf<std::tuple<Ts...>> {
    static auto make(std::tuple<Ts...>&& all) {
        return std::apply(
            [](Ts&... each) {
                return std::tuple<decltype(EntryOf<Ts>::make(std::move(each)))...>(
                    EntryOf<Ts>::make(std::move(each))...);
            },
            all);
    }
};
template <class A, class B>
struct EntriesOf<std::pair<A, B>> {
    static auto make(std::pair<A, B>&& both) {
        return EntriesOf<std::tuple<A, B>>::make(
            std::tuple<A, B>(std::move(both.first), std::move(both.second)));
    }
};
template <class T, std::size_t N>
struct EntriesOf<std::array<T, N>> {
    static auto make(std::array<T, N>&& all) {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return std::tuple<decltype((static_cast<void>(I), EntryOf<T>::make(std::declval<T>())))...>(
                EntryOf<T>::make(std::move(all[I]))...);
        }(std::make_index_sequence<N>{});
    }
};
template <class T>
struct EntriesOf<std::vector<T>> {
    static auto make(std::vector<T>&& all) {
        std::vector<decltype(EntryOf<T>::make(std::declval<T>()))> entries;
        entries.reserve(all.size());
        for (T& each : all) {
            entries.push_back(EntryOf<T>::make(std::move(each)));
        }
        return entries;
    }
};

/// The optimizers of a run with their schedulers, owned, in the order in which they were returned.
///
/// for_each_optimizer(fn)   fn(index, optimizer&); the index is a std::integral_constant unless they came in
///                          a vector.
/// for_each_scheduler(fn)   fn(slot&, optimizer&), an absent `std::optional` left out; see SchedulerSlot.
/// map_schedules(fn)        fn(held&, optimizer&), `held` a slot, an optional one or a vector; what it returns as a
///                          tuple, or, where the optimizers came in a vector, a vector of these (of the one).
/// Attaching the schedulers (their step 0) is part of the construction, as it is in Python.
/// Errors  ConfigError: see LRSchedulerConfig.
template <class Returned>
class Configured {
 public:
    using Entries = decltype(EntriesOf<Returned>::make(std::declval<Returned>()));
    static constexpr bool is_static = !requires(Entries e) { e.push_back(std::move(e[0])); };
    /// How many optimizers there are, where the type says so; else `std::size_t(-1)`.
    static constexpr std::size_t static_count = [] {
        if constexpr (is_static) {
            return std::tuple_size_v<Entries>;
        } else {
            return static_cast<std::size_t>(-1);
        }
    }();

    /// With manual optimization (`automatic` false) the user steps, so that no monitor is asked for.
    explicit Configured(Returned returned, bool automatic = true)
        : entries_(EntriesOf<Returned>::make(std::move(returned))) {
        for_each_entry([&](auto index, auto& entry) {
            const std::vector<double> first = learning_rates(entry.optimizer);  // each scheduler starts from them
            for_each_slot(entry.slots, [&](auto& slot) {
                slot.optimizer_index = index;
                slot.check(automatic);
                slot.initialize(entry.optimizer, first);
            });
        });
    }

    [[nodiscard]] constexpr std::size_t optimizer_count() const {
        if constexpr (is_static) {
            return static_count;
        } else {
            return entries_.size();
        }
    }
    [[nodiscard]] std::size_t scheduler_count() const {
        std::size_t count = 0;
        const_cast<Configured*>(this)->for_each_scheduler([&](auto&, auto&) { ++count; });
        return count;
    }

    template <std::size_t I>
        requires is_static
    [[nodiscard]] auto& optimizer() {
        return std::get<I>(entries_).optimizer;
    }
    [[nodiscard]] auto& optimizer(std::size_t index)
        requires(!is_static)
    {
        return entries_.at(index).optimizer;
    }

    template <class Fn>
    void for_each_optimizer(Fn&& fn) {
        for_each_entry([&](auto index, auto& entry) { fn(index, entry.optimizer); });
    }
    template <class Fn>
    void for_each_scheduler(Fn&& fn) {
        for_each_entry([&](auto, auto& entry) {
            for_each_slot(entry.slots, [&](auto& slot) { fn(slot, entry.optimizer); });
        });
    }

    template <class Fn>
    auto map_schedules(const Fn& fn) {
        const auto of_entry = [&fn](auto& entry) {
            return std::apply(
                [&](auto&... held) { return std::tuple<decltype(fn(held, entry.optimizer))...>(fn(held, entry.optimizer)...); },
                entry.slots);
        };
        if constexpr (is_static) {
            return std::apply([&](auto&... entry) { return std::tuple_cat(of_entry(entry)...); }, entries_);
        } else {
            using Each = decltype(of_entry(entries_[0]));
            if constexpr (std::tuple_size_v<Each> == 1) {
                std::vector<std::tuple_element_t<0, Each>> all;
                for (auto& entry : entries_) {
                    all.push_back(std::get<0>(of_entry(entry)));
                }
                return all;
            } else {
                std::vector<Each> all;
                for (auto& entry : entries_) {
                    all.push_back(of_entry(entry));
                }
                return all;
            }
        }
    }

 private:
    template <class Fn>
    void for_each_entry(Fn&& fn) {
        if constexpr (is_static) {
            [&]<std::size_t... I>(std::index_sequence<I...>) {
                (fn(std::integral_constant<std::size_t, I>{}, std::get<I>(entries_)), ...);
            }(std::make_index_sequence<static_count>{});
        } else {
            for (std::size_t i = 0; i < entries_.size(); ++i) {
                fn(i, entries_[i]);
            }
        }
    }
    template <class Slots, class Fn>
    static void for_each_slot(Slots& slots, Fn&& fn) {
        const auto visit = [&](auto& held) {
            if constexpr (requires { held.scheduler; }) {
                fn(held);
            } else if constexpr (requires { held.has_value(); }) {
                if (held.has_value()) {
                    fn(*held);
                }
            } else {
                for (auto& slot : held) {
                    fn(slot);
                }
            }
        };
        std::apply([&](auto&... held) { (visit(held), ...); }, slots);
    }

    Entries entries_;
};

/// Takes over what `configure_optimizers()` returned; an empty tuple is no optimizer.
template <class Returned>
[[nodiscard]] Configured<std::remove_cvref_t<Returned>> configure(Returned&& returned,
                                                                  bool automatic = true) {
    static_assert(!std::is_lvalue_reference_v<Returned>,
                  "lit: configure_optimizers() must return by value: the run takes its optimizers over.");
    return Configured<std::remove_cvref_t<Returned>>(std::forward<Returned>(returned), automatic);
}

}  // namespace detail
}  // namespace lit
