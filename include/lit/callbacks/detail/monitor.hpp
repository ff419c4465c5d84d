// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/mode.hpp>

#include <string>
#include <string_view>

namespace lit::detail {

/// The name of a watched value: a number that the compiler knows, or, with an empty `Monitor`, one chosen at run time.
template <FixedString Monitor>
class MonitorName {
 public:
    /// Errors  ConfigError when the settings name another value than the type does.
    MonitorName(std::string_view who, std::string_view given) {
        if (!given.empty() && given != Monitor.view()) {
            throw ConfigError(std::string(who) + ": monitor = \"" + std::string(given) +
                              "\", but the type says <\"" + name() + "\">. Leave .monitor out, or write " +
                              std::string(who) + "<>{{.monitor = \"" + std::string(given) + "\"}}.");
        }
    }
    [[nodiscard]] static std::string name() { return std::string(Monitor.view()); }
    [[nodiscard]] static MetricId id() { return MetricSlot<Monitor>::id; }
    [[nodiscard]] static constexpr bool empty() { return false; }
};
template <>
class MonitorName<FixedString("")> {
 public:
    MonitorName(std::string_view /*who*/, std::string_view given)
        : id_(MetricNames::intern(given)), empty_(given.empty()) {}
    [[nodiscard]] const std::string& name() const { return MetricNames::name(id_); }
    [[nodiscard]] MetricId id() const { return id_; }
    [[nodiscard]] bool empty() const { return empty_; }

 private:
    MetricId id_;
    bool empty_;
};

/// What is wrong when nobody logged a monitor: who misses it, what there is, what to do.
[[nodiscard]] inline std::string missing_monitor(std::string_view who, const std::string& name,
                                                 const std::string& known) {
    return std::string(who) + ": no logged value \"" + name + "\". Known: " + known + ". Log it with log(\"" +
           name + "\", ...), or correct the monitor.";
}
/// How the key of a watching callback's state begins in Python: `EarlyStopping{'monitor': 'val_loss', 'mode': 'min'`.
[[nodiscard]] inline std::string monitor_key(std::string_view who, const std::string& name, Mode mode) {
    return std::string(who) + "{'monitor': " + (name.empty() ? "None" : python_repr(name)) +
           ", 'mode': " + python_repr(python_name(mode));
}

/// Lightning's `trainer.val_check_interval == 1.0`, for which in Python one batch is as good as the whole epoch.
template <class Options>
[[nodiscard]] bool validates_once_per_epoch(const Options& options) {
    if (!options.val_check_interval) {
        return true;
    }
    const auto& every = *options.val_check_interval;
    return every.is_whole_epoch() ||
           (!every.time() && every.batches().is_count() && every.batches().count() == 1);
}

}  // namespace lit::detail
