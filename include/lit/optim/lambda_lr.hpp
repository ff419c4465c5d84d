// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>  // a schedule by a closure is compiled where the closure is
#include <lit/optim/scheduler.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit {

namespace detail {

/// A closure may be moved and copied but not assigned, so it is rebuilt in place; a rule has to be
/// assignable.
template <class Fn>
struct LambdaRule {
    static constexpr std::string_view name = "LambdaLR";
    Fn fn;

    explicit LambdaRule(Fn f) : fn(std::move(f)) {}
    LambdaRule(const LambdaRule&) = default;
    LambdaRule(LambdaRule&&) = default;
    LambdaRule& operator=(LambdaRule&& other) {
        if (this != &other) {
            std::destroy_at(&fn);
            std::construct_at(&fn, std::move(other.fn));
        }
        return *this;
    }
    LambdaRule& operator=(const LambdaRule& other) { return *this = LambdaRule(other); }
    ~LambdaRule() = default;

    void check() const {}
    [[nodiscard]] Dict pack() const { return {}; }
    void pack_last(Dict& saved, const ScheduleState& state) const {
        saved.set("lr_lambdas", List(state.base_lrs.size()));  // None each: Python saves no functions either
    }
    void unpack(const Dict& /*saved*/) {}
    [[nodiscard]] double next(double /*lr*/, double base_lr, const ScheduleState& state) const {
        return base_lr * static_cast<double>(fn(state.last_epoch));
    }
};

}  // namespace detail

/// The first rate times a function of the step:
/// `lit::LambdaLR{[](std::int64_t epoch) { return std::pow(0.95, epoch); }}`.
///
/// One function serves all parameter groups; it is called with 0 when the schedule is attached, then 1, 2, ...
/// Source  `torch.optim.lr_scheduler.LambdaLR`. A list of functions, one per group, is not offered yet.
template <class Fn>
    requires std::regular_invocable<const Fn&, std::int64_t> &&
             std::convertible_to<std::invoke_result_t<const Fn&, std::int64_t>, double>
class LambdaLR : public detail::EpochSchedule<detail::LambdaRule<Fn>> {
 public:
    explicit LambdaLR(Fn fn)
        : detail::EpochSchedule<detail::LambdaRule<Fn>>(detail::LambdaRule<Fn>(std::move(fn))) {}
};

}  // namespace lit
