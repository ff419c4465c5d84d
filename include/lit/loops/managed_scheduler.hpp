// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/optim/configuration.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// A scheduler as a module that optimizes by hand sees it: stepped when the module says so, and by nobody else.
///
/// Errors  a scheduler that steps by a metric and is given none does not compile; where its type is known only at run
///         time it is a ConfigError.
/// Source  what Lightning's `lr_schedulers()` returns.
template <class Slot, class Optimizer>
class ManagedScheduler {
 public:
    ManagedScheduler(Slot& slot, Optimizer& optimizer) : slot_(&slot), optimizer_(&optimizer) {}

    void step() {
        static_assert(!NeedsMetric<typename Slot::Scheduler>,
                      "lit: this scheduler steps by a metric. Write scheduler.step(value), for instance with "
                      "trainer.metric<\"val_loss\">().");
        slot_->step(*optimizer_);
    }
    /// With the value to step by; a scheduler that needs none leaves it unused.
    void step(double metric) { slot_->step(*optimizer_, metric); }
    /// One for each of the optimizer's parameter groups.
    [[nodiscard]] std::vector<double> last_lr() const { return slot_->last_lr(); }
    [[nodiscard]] const std::string& name() const { return slot_->name; }
    [[nodiscard]] Interval interval() const { return slot_->interval; }
    [[nodiscard]] std::int64_t frequency() const { return slot_->frequency; }

 private:
    Slot* slot_;
    Optimizer* optimizer_;
};

namespace detail {

/// The handles of what an optimizer's schedule holds: a scheduler, one that may be absent, or several of a kind.
struct HandleSchedule {
    template <class Slot, class Optimizer>
        requires requires(Slot& slot) { slot.scheduler; }
    auto operator()(Slot& slot, Optimizer& optimizer) const { return ManagedScheduler<Slot, Optimizer>(slot, optimizer); }
    template <class Slot, class Optimizer>
    auto operator()(std::optional<Slot>& slot, Optimizer& optimizer) const {
        std::optional<ManagedScheduler<Slot, Optimizer>> handle;
        if (slot) {
            handle.emplace(*slot, optimizer);
        }
        return handle;
    }
    template <class Slot, class Optimizer>
    auto operator()(std::vector<Slot>& slots, Optimizer& optimizer) const {
        std::vector<ManagedScheduler<Slot, Optimizer>> handles;
        for (Slot& slot : slots) {
            handles.emplace_back(slot, optimizer);
        }
        return handles;
    }
};

/// The handles of all schedulers in the order of their optimizers: one, a tuple, or a vector where the optimizers came
/// in one. An empty tuple where there are none, and where the optimizers are borrowed.
template <class Configured>
auto scheduler_handles(Configured& configured) {
    if constexpr (requires { configured.map_schedules(HandleSchedule{}); }) {
        auto handles = configured.map_schedules(HandleSchedule{});
        if constexpr (requires { std::tuple_size<decltype(handles)>::value; }) {
            if constexpr (std::tuple_size_v<decltype(handles)> == 1) {
                return std::get<0>(std::move(handles));
            } else {
                return handles;
            }
        } else {
            return handles;
        }
    } else {
        return std::tuple<>();
    }
}
template <class Configured>
using scheduler_handles_t = decltype(scheduler_handles(std::declval<Configured&>()));

}  // namespace detail
}  // namespace lit
