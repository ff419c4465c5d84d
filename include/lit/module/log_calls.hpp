// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/log_site.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/core/run_state.hpp>
#include <lit/metrics/metric.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit {

namespace detail {

// What every `log` holds its arguments to.
template <FixedString Name, bool AddDataloaderIdx = true>
consteval void check_logged_name() {
    static_assert(!AddDataloaderIdx || Name.view().find("/dataloader_idx_") == std::string_view::npos,
                  "lit: log: a name may not contain \"/dataloader_idx_\": it is appended by itself. To name it by hand, "
                  "give the template argument lit::LogOptions{.add_dataloader_idx = false}.");
}
template <class V>
consteval void check_logged_value() {
    static_assert(!MetricPolicy<std::remove_const_t<V>>,
                  "lit: log: this metric object is const or a temporary. Make it a member of the module, and the "
                  "function that logs it not const: it is asked, and reset, at the epoch's end.");
    static_assert(MetricPolicy<std::remove_const_t<V>> || std::convertible_to<const V&, Number>,
                  "lit: log takes a number or a tensor of one element. Reduce the value first, or call .item().");
}
template <class M>
consteval void check_logged_metric() {
    static_assert(is_one_number<M>,
                  "lit: log: this metric computes a table, and only one number can be logged. Keep it as a member, and "
                  "log numbers of its compute() in the epoch's end hook.");
}
template <LogOptions Options, bool Metric>
consteval void check_log_options() {
    static_assert(Options.on_step.value_or(true) || Options.on_epoch.value_or(true),
                  "lit: log: on_step = false and on_epoch = false: nobody would see the value. Set one of them.");
    static_assert(Options.batch_size >= 0,
                  "lit: log: batch_size is negative. Give 1 or more, or leave it out: it is taken from the batch.");
    static_assert(!Metric || Options.reduce_fx == Reduce::mean,
                  "lit: log: a metric object reduces by itself. Leave reduce_fx out.");
    static_assert(Metric || !Options.metric_attribute,
                  "lit: log: metric_attribute is for metric objects, and this is a plain value. Leave it out.");
    static_assert(!Options.rank_zero_only || !Options.sync_dist,
                  "lit: log: sync_dist needs every rank, and rank_zero_only says that only rank 0 logs. Leave one out.");
}

/// Whether `part` is a member of `whole`, or of a member of it.
template <class T>
[[nodiscard]] bool lies_within(const T& whole, const void* part) {
    const auto* begin = reinterpret_cast<const std::byte*>(std::addressof(whole));
    const auto* at = static_cast<const std::byte*>(part);
    return !std::less<>{}(at, begin) && std::less<>{}(at, begin + sizeof(T));
}
[[noreturn]] inline void refuse_loose_metric(MetricId id) {
    throw Error("log: the metric object logged as \"" + MetricNames::name(id) +
                "\" is no member of the module, so it may be gone at the epoch's end. Make it a member, or give "
                ".metric_attribute = true if it lives elsewhere and outlives the run.");
}

}  // namespace detail

/// Every form of `log`, for modules and for callbacks alike: `log<"loss">(loss)` of the module and
/// `trainer.log<"beta">(beta)` in a callback mean the same.
///
/// `Base` is what the caller derives from by way of this class; `Caller` is who logs; `Owner` is the module's class and `Callbacks` are the callbacks' classes: their hooks that may
/// not log are known.
/// Cost    an empty base; what the compiler checks leaves nothing but the call of RunState::log.
template <class Base, class Caller, class Owner, class... Callbacks>
class LogCalls : public Base {
    // A call that stands in a hook which may not log does not compile. g++ shows the line that says why; clang shows
    // the line of the default argument, so each of them says it again.
    template <LogOptions Options = LogOptions{}>
    using Site = LogSite<Options.on_step.value_or(false) || !Options.on_epoch.value_or(true), Owner, Callbacks...>;

 public:
    /// Records a value under a name known to the compiler: no string, no look-up.
    ///
    /// Errors  a name that the module's `Logs` lacks does not compile, nor does a call that stands in a hook which may
    ///         not log; lit::Error where such a hook calls something that logs, and for options that the hook does
    ///         not allow.
    /// Cost    a CPU scalar is read through its pointer; one on another device stays there until it is needed.
    /// Source  Lightning `LightningModule.log`; without a trainer nothing happens, as there.
    template <FixedString Name, class V>
    void log(const V& value, const LogOptions& options = {},
             Site<> = {}) {  // lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
        Caller::template check_declared<Name>();
        detail::check_logged_name<Name>();
        detail::check_logged_value<V>();
        if constexpr (std::convertible_to<const V&, Number>) {
            if (RunState* state = caller().log_state()) {
                state->log(MetricSlot<Name>::id, value, options);
            }
        }
    }
    /// Records a metric object, a member of the module: for the step the value of its last forward(), for the epoch
    /// what it computes, over all ranks; then it is reset. It is not copied, and asked at the epoch's end only.
    ///
    /// Errors  those of `log`; lit::Error for an object that is no member of the module unless `.metric_attribute` says
    ///         that it outlives the run, for a `reduce_fx`, and for one that computes several numbers.
    /// Source  Lightning `LightningModule.log` of a torchmetrics object. `sync_dist` is not looked at, as there. One
    ///         object that several loaders share goes on from one to the next, as there: take one for each.
    template <FixedString Name, MetricPolicy M>
    void log(M& metric, const LogOptions& options = {},
             Site<> = {}) {  // lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
        Caller::template check_declared<Name>();
        detail::check_logged_name<Name>();
        log_metric(MetricSlot<Name>::id, metric, options);
    }
    /// The options as a template argument: combinations that can never be carried out do not compile.
    template <FixedString Name, LogOptions Options, class V>
    void log(V&& value,
             Site<Options> = {}) {  // lit: log: this hook may not log, or only on_epoch. Log that in a step.
        Caller::template check_declared<Name>();
        detail::check_logged_name<Name, Options.add_dataloader_idx>();
        detail::check_log_options<Options, MetricPolicy<std::remove_cvref_t<V>>>();
        if constexpr (std::is_lvalue_reference_v<V> && MetricPolicy<std::remove_reference_t<V>>) {
            log_metric(MetricSlot<Name>::id, value, Options);
        } else {
            detail::check_logged_value<std::remove_cvref_t<V>>();
            if constexpr (std::convertible_to<const V&, Number>) {
                if (RunState* state = caller().log_state()) {
                    state->log(MetricSlot<Name>::id, value, Options);
                }
            }
        }
    }
    /// The same for a name that is known only at run time: one look-up.
    void log(std::string_view name, const Number& value, const LogOptions& options = {},
             Site<> = {}) {  // lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
        log_at_run_time(name, value, options);
    }
    template <MetricPolicy M>
    void log(std::string_view name, M& metric, const LogOptions& options = {},
             Site<> = {}) {  // lit: log: this hook may not log. Log in a step, or in a batch or epoch hook.
        check_at_run_time(name, options);
        log_metric(MetricNames::intern(name), metric, options);
    }
    // Python's positional arguments say what to write here.
    template <FixedString Name, class V, std::same_as<bool> Flag, class... More>
    void log(const V& /*value*/, Flag /*prog_bar*/, More... /*more*/) {
        static_assert(std::is_void_v<V>,
                      "lit: log takes its options by name: log<\"loss\">(loss, {.prog_bar = true}).");
    }
    template <class V, std::same_as<bool> Flag, class... More>
    void log(std::string_view /*name*/, const V& /*value*/, Flag /*prog_bar*/, More... /*more*/) {
        static_assert(std::is_void_v<V>,
                      "lit: log(name, value) takes its options by name: log(name, loss, {.prog_bar = true}).");
    }
    /// Logs each pair with the same options.
    void log_dict(std::initializer_list<std::pair<std::string_view, Number>> values, const LogOptions& options = {},
                  Site<> = {}) {  // lit: log_dict: this hook may not log. Log in a step, or in a batch or epoch hook.
        for (const auto& [name, value] : values) {
            log_at_run_time(name, value, options);
        }
    }
    /// The same of a map, or any range of names and values.
    template <class Values>
        requires requires(const Values& values) {
            { (*values.begin()).first } -> std::convertible_to<std::string_view>;
            { (*values.begin()).second } -> std::convertible_to<Number>;
        }
    void log_dict(const Values& values, const LogOptions& options = {},
                  Site<> = {}) {  // lit: log_dict: this hook may not log. Log in a step, or in a batch or epoch hook.
        for (const auto& [name, value] : values) {
            log_at_run_time(name, value, options);
        }
    }
    /// Logs each metric of a collection under its whole name, as `log` does one. The collection is a member of the module.
    template <NamesItsMetrics Collection>
    void log_dict(Collection& collection, const LogOptions& options = {},
                  Site<> = {}) {  // lit: log_dict: this hook may not log. Log in a step, or in a batch or epoch hook.
        collection.for_each_metric([&](MetricId id, auto& metric) {
            check_at_run_time(MetricNames::name(id), options);
            log_metric(id, metric, options);
        });
    }

 private:
    [[nodiscard]] Caller& caller() { return static_cast<Caller&>(*this); }

    void log_at_run_time(std::string_view name, const Number& value, const LogOptions& options) {
        check_at_run_time(name, options);
        if (RunState* state = caller().log_state()) {
            state->log(MetricNames::intern(name), value, options);
        }
    }
    template <class M>
    void log_metric(MetricId id, M& metric, const LogOptions& options) {
        detail::check_logged_metric<M>();
        if (RunState* state = caller().log_state()) {
            if (!options.metric_attribute && !caller().owns(&metric)) {
                detail::refuse_loose_metric(id);
            }
            state->log_metric(id, detail::metric_ref(metric), detail::batch_value(metric), options);
        }
    }
    static void check_at_run_time(std::string_view name, const LogOptions& options) {
        if (options.add_dataloader_idx && name.find("/dataloader_idx_") != std::string_view::npos) {
            throw ConfigError("log: \"" + std::string(name) +
                              "\" contains \"/dataloader_idx_\". It is appended by itself when there are several "
                              "loaders; to name it by hand, give .add_dataloader_idx = false.");
        }
    }
};

}  // namespace lit
