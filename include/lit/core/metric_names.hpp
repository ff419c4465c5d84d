// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/fixed_string.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace lit {

/// The number that stands for a metric's name in this process. Names are interned once; the loops handle numbers.
using MetricId = std::uint32_t;

/// All names of metrics of this process.
///
/// Cost    `intern` takes a lock and searches: called once per name, not in a loop. `name` only indexes.
class MetricNames {
 public:
    static MetricId intern(std::string_view name);
    [[nodiscard]] static const std::string& name(MetricId id);

 private:
    struct Table;
    static Table& table();
};

/// The number of a name that is known when compiled: one static number, set before `main`.
template <FixedString Name>
struct MetricSlot {
    inline static const MetricId id = MetricNames::intern(Name.view());
};

/// The names that a module or callback logs, declared so that monitors can be checked by the compiler:
/// `using Logs = lit::Logs<"train_loss", "val_loss">;`
template <FixedString... Names>
struct Logs {
    [[nodiscard]] static constexpr bool contains(std::string_view name) { return ((Names.view() == name) || ...); }

    /// Whether a monitor may name it: a declared name, with `_step`, `_epoch` and `/dataloader_idx_N` behind it.
    [[nodiscard]] static constexpr bool can_monitor(std::string_view monitor) {
        constexpr std::string_view marker = "/dataloader_idx_";
        if (const auto at = monitor.find(marker); at != std::string_view::npos) {
            const auto digits = monitor.substr(at + marker.size());
            if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
                return false;
            }
            monitor = monitor.substr(0, at);
        }
        if (contains(monitor)) {
            return true;
        }
        for (const std::string_view suffix : {std::string_view("_step"), std::string_view("_epoch")}) {
            if (monitor.ends_with(suffix) && contains(monitor.substr(0, monitor.size() - suffix.size()))) {
                return true;
            }
        }
        return false;
    }
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/metric_names.hpp>
#endif
